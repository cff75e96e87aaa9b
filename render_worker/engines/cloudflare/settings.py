"""Settings of the engine `cloudflare`."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Secret, Url

DEFAULT_MODEL = "@cf/black-forest-labs/flux-1-schnell"

ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")


def _account_id(value: str) -> str:
    if not ACCOUNT_ID.fullmatch(value):
        raise ValueError("it must be the account's id, 32 digits of 0 to 9 and a to f, as its dashboard shows it")
    return value


ModelName = Annotated[str, StringConstraints(pattern=r"^@?cf/[a-z0-9._-]{1,40}/[a-z0-9._-]{1,50}$")]


class CloudflareSettings(EngineSettings):
    """Settings of the account at Cloudflare, and of its models."""

    title = "Engine `cloudflare`"

    cloudflare_account_id: Annotated[str, AfterValidator(_account_id)] | None = Field(
        None, description="Id of an account at Cloudflare: 32 hexadecimal digits."
    )
    cloudflare_api_token: Secret | None = Field(
        None, description="Token of that account, with the permission Workers AI."
    )
    cloudflare_model: Listed[ModelName] = Field(
        (DEFAULT_MODEL,),
        min_length=1,
        description="Models of Workers AI for pictures, the default one first. Clients name them without the @.",
    )
    cloudflare_url: Url = Field("https://api.cloudflare.com/client/v4", description="Cloudflare's API.")
    cloudflare_seconds: float = Field(60, gt=0, description="Limit of one request to it.")
