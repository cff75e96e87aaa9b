"""The part of a scenario that concerns every stand-in; each adds its own fields in a class that inherits from this."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Scenario(BaseModel):
    """How the stand-ins behave."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(0, ge=0, description="Faults that are played before all is well again; 0 is for ever.")
    painted: Literal["new", "beforehand"] = Field("new", description="When each picture is painted.")
    delay: float = Field(0.0, ge=0, le=600, description="Seconds that a picture takes.")
    pause: float = Field(0.0, ge=0, le=60, description="Seconds that every other response takes, so that phases last.")
    faults: float = Field(0.0, ge=0, le=1, description="Share of requests that meet a fault by chance.")
    fault_seed: int = Field(1, description="The same seed draws the same faults in the same order.")
