"""Settings of the engine `pollinations`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Url


class PollinationsSettings(EngineSettings):
    """Settings of Pollinations."""

    title = "Engine `pollinations`"
    concurrency_setting = "pollinations_concurrency"

    pollinations_url: Url = Field("https://image.pollinations.ai", description="Pollinations' door without an account.")
    pollinations_concurrency: int = Field(1, ge=1, le=1, description="Pictures at a time; it gives an address one.")
    pollinations_seconds: float = Field(120, gt=0, description="Limit of one request to it.")
