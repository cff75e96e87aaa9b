"""Settings of the engine `perchance`."""

from typing import Literal

from pydantic import Field

from render_worker.browser.settings import BrowserSettings
from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Url

Route = Literal["page", "package"]


class PerchanceSettings(EngineSettings, BrowserSettings):
    """Settings of Perchance's site, which is asked through the browser."""

    title = "Engine `perchance`"
    concurrency_setting = "perchance_sessions"

    perchance_routes: Listed[Route] = Field(
        ("page", "package"), min_length=1, description="Ways to Perchance, in the order in which they are tried."
    )
    perchance_page_url: Url = Field(
        "https://perchance.org/perchance-ai-api", description="The site's page for outside apps."
    )
    perchance_upload_origins: Listed[Origin] = Field(
        ("https://user.uploads.dev", "https://user-uploads.perchance.org"),
        description="Hosts from which that page's pictures may be fetched.",
    )
    perchance_base_url: Url = Field(
        "https://image-generation.perchance.org/api", description="The site's internal image API."
    )
    perchance_sessions: int = Field(1, ge=1, le=16, description="Generations at a time; the site gives an address one.")
    perchance_recycle_images: int = Field(50, ge=1, description="Pictures after which a session's pages are replaced.")
    perchance_rest_seconds: int = Field(
        300,
        ge=0,
        le=86_400,
        description="How long the circuit breaker stays open after a human check or rate limit; asking again makes "
        "those worse.",
    )
    perchance_closed_seconds: int = Field(
        86_400,
        ge=0,
        le=604_800,
        description="How long a route is left out after it asked for a newer client or an advertisement's code; 0 "
        "tries it each time.",
    )
    perchance_page_seconds: float = Field(30, gt=0, description="Limit of the phase that opens the site's page.")
    perchance_verify_seconds: float = Field(30, gt=0, description="Limit of the phase that gets a key.")
    perchance_generate_seconds: float = Field(180, gt=0, description="Limit of one wait for a picture's making.")
    perchance_download_seconds: float = Field(60, gt=0, description="Limit of the phase that downloads the picture.")
    perchance_poll_seconds: float = Field(3, gt=0, description="Pause before asking again for what is not ready.")
