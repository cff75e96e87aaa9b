"""Settings of the engine `automatic1111`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Url


class Automatic1111Settings(EngineSettings):
    """Settings of AUTOMATIC1111."""

    title = "Engine `automatic1111`"

    automatic1111_url: Url | None = Field(None, description="Address of the server.")
