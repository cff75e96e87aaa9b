"""Settings of the engine `skeleton`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Secret, Url


class SkeletonSettings(EngineSettings):
    """Settings of the service's API and account."""

    title = "Engine `skeleton`"

    # Each field begins with the engine's name, is read from the variable of its name, and is described for operators.
    skeleton_url: Url = Field("https://api.skeleton.example/v1", description="The service's API.")
    skeleton_api_key: Secret | None = Field(None, description="Key of an account at the service.")
    skeleton_seconds: float = Field(60, gt=0, description="Limit of one request to it.")
