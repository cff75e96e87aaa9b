"""Settings of the engine `replicate`."""

from typing import Annotated

from pydantic import Field, StringConstraints

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Secret, Url

MODEL = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9-]+)?$"
ReplicateModel = Annotated[str, StringConstraints(pattern=MODEL, max_length=100)]


class ReplicateSettings(EngineSettings):
    """Settings of Replicate's API and of the models that it runs."""

    title = "Engine `replicate`"

    replicate_api_token: Secret | None = Field(None, description="Token of an account at Replicate.")
    replicate_url: Url = Field("https://api.replicate.com", description="Replicate's API.")
    replicate_models: Listed[ReplicateModel] = Field(
        ("black-forest-labs/flux-schnell",),
        min_length=1,
        description="Models at Replicate, as owner/name or owner/name:version; the first answers model=replicate.",
    )
    replicate_request_seconds: float = Field(30, gt=0, description="Limit of each request to that API.")
    replicate_image_origins: Listed[Origin] = Field(
        ("https://replicate.delivery", "https://*.replicate.delivery"),
        description="Hosts from which its pictures may be fetched.",
    )
