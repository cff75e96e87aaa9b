"""Settings of the engine `openai`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from render_worker.engines.openai.endpoints import MODEL, Endpoint, Kind, endpoints, kind, whole_address
from render_worker.engines.openai.presets import PRESETS
from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Secret


class OpenAISettings(EngineSettings):
    """Settings of APIs that are compatible with OpenAI's."""

    title = "Engine `openai`"

    openai_base_url: Annotated[str, AfterValidator(whole_address)] = Field(
        "https://api.openai.com/v1",
        repr=False,  # it may have a password
        description="An API of images that is compatible with OpenAI's.",
    )
    openai_api_key: Secret | None = Field(None, description="Its key.")
    openai_image_model: Annotated[str, StringConstraints(pattern=f"^{MODEL}$")] | None = Field(
        None,
        examples=["gpt-image-2"],
        description="Its model, at Azure the deployment; unset means gpt-image-2 at OpenAI.",
    )
    openai_image_quality: Literal["low", "medium", "high", "auto"] = Field(
        "medium", description="Quality of GPT image models, by which a picture's price differs tenfold."
    )
    openai_kind: Annotated[Kind | None, BeforeValidator(kind)] = Field(
        None,
        description=f"Which server it is, if its host does not say it: {', '.join(PRESETS)}; +seed, +negative_prompt, "
        "+guidance_scale and +strength after it name what it takes besides, as litellm+seed.",
    )
    openai_api_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,40}$")] = Field(
        "2025-04-01-preview", description="Azure's api-version, for addresses of deployments."
    )
    openai_endpoints: Annotated[tuple[Endpoint, ...], BeforeValidator(endpoints)] = Field(
        (),
        description="Further ones, separated by commas: each is name=address, which model, key and kind may follow, a "
        "vertical bar before each. ENGINES enables each as openai:name. The whole setting is a secret.",
    )
    openai_image_origins: Listed[Origin] = Field(
        (),
        examples=["https://pictures.example"],
        description="Hosts from which pictures may be fetched, beside an endpoint's own and its kind's.",
    )
    openai_seconds: float = Field(180, gt=0, description="Limit of one picture's request.")
    openai_poll_seconds: float = Field(3, gt=0, description="Pause between looks at a task of ModelScope's.")
