"""Settings of the engine `horde`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Secret, Url


class HordeSettings(EngineSettings):
    """Settings of AI Horde's API and account."""

    title = "Engine `horde`"

    horde_url: Url = Field("https://aihorde.net/api/v2", description="AI Horde's API.")
    horde_api_key: Secret | None = Field(
        None, description="Key of an account at AI Horde; unset means the anonymous one, which waits longest."
    )
    horde_models: Listed[str] = Field(
        (), description="Models at AI Horde, by its names, any of which may answer; unset means whichever is free."
    )
    horde_contact: str = Field(
        "The Image Generation API authors",
        pattern=r"^[!-~]+( [!-~]+)*$",
        max_length=100,
        description="Contact that its operators are told with each request, such as your site's address.",
    )
    horde_steps: int = Field(25, ge=1, le=40, description="Sampling steps there if a request names none.")
    horde_poll_seconds: float = Field(2, ge=0.1, le=60, description="Pause between two looks at a request's progress.")
    horde_image_origins: Listed[Origin] = Field(
        ("https://*.r2.cloudflarestorage.com",), description="Hosts from which its pictures may be fetched."
    )
