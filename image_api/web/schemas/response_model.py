"""The base of the models of responses."""

from pydantic import BaseModel, ConfigDict


class ResponseModel(BaseModel):
    """A model whose validator is built when it is first used: most are used by /openapi.json alone."""

    model_config = ConfigDict(defer_build=True)
