"""Settings of the engine `cloudflare`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Secret, Url


class CloudflareSettings(EngineSettings):
    """Settings of Cloudflare."""

    title = "Engine `cloudflare`"

    cloudflare_account_id: str | None = Field(
        None, pattern=r"^[0-9a-f]{32}$", description="Id of an account at Cloudflare."
    )
    cloudflare_api_token: Secret | None = Field(
        None, description="Token of that account, with the permission Workers AI."
    )
    cloudflare_url: Url = Field("https://api.cloudflare.com/client/v4", description="Cloudflare's API.")
    cloudflare_seconds: float = Field(60, gt=0, description="Limit of one request to it.")
