"""Settings of the engine `automatic1111`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Url


def _user_and_password(value: SecretStr) -> SecretStr:
    user, colon, _ = value.get_secret_value().partition(":")
    if not user or not colon:
        raise ValueError("it must be user:password")
    return value


class Automatic1111Settings(EngineSettings):
    """Settings of the server, and of how it makes pictures."""

    title = "Engine `automatic1111`"
    concurrency_setting = "automatic1111_concurrency"

    automatic1111_url: Url | None = Field(
        None,
        repr=False,
        description="Address of the server, such as `http://127.0.0.1:7860`; it is started with `--api`.",
    )
    automatic1111_auth: Annotated[SecretStr, AfterValidator(_user_and_password)] | None = Field(
        None, description="`user:password`, as the server's `--api-auth` (SD.Next: `--auth`) has them."
    )
    automatic1111_model: str | None = Field(
        None,
        max_length=300,
        description="Checkpoint by its title, name, file or hash; unset means the one that the server has loaded.",
    )
    automatic1111_exclusive: bool = Field(
        False,
        description="Whether nothing else uses the server, so that what runs there may be interrupted when a request"
        " is cancelled or late.",
    )
    automatic1111_steps: int = Field(25, ge=1, le=150, description="Sampling steps there if a request names none.")
    automatic1111_sampler: str = Field("Euler", min_length=1, description="Sampler there, by the server's name for it.")
    automatic1111_scheduler: str = Field(
        "Automatic", min_length=1, description="Scheduler there; servers that know none by the name take their own."
    )
    automatic1111_cfg_scale: float | None = Field(
        None,
        ge=0,
        le=30,
        allow_inf_nan=False,
        description="`cfg_scale` of every picture, for models that need a certain one, as FLUX needs 1; unset means the"
        " request's `guidance_scale`.",
    )
    automatic1111_native: Literal["512", "1024"] = Field(
        "1024", description="Pixels a side of the model's own squares: 512 is right for Stable Diffusion 1.5."
    )
    automatic1111_concurrency: int = Field(
        1, ge=1, le=64, description="Pictures at a time; one server makes them one after another."
    )
    automatic1111_seconds: float = Field(
        600, gt=0, description="Limit of a picture there; the first one may wait for the checkpoint to be loaded."
    )
    automatic1111_poll_seconds: float = Field(
        1, ge=0.1, le=60, description="Pause between two looks at the server's progress."
    )
