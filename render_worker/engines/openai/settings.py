"""Settings of the engine `openai`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Secret, Url


class OpenAISettings(EngineSettings):
    """Settings of OpenAI."""

    title = "Engine `openai`"

    openai_base_url: Url = Field("https://api.openai.com/v1", description="An OpenAI-compatible API.")
    openai_api_key: Secret | None = Field(None, description="Its key.")
