"""Settings of the engine `huggingface`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Secret, Url


class HuggingFaceSettings(EngineSettings):
    """Settings of Hugging Face's model, provider and account."""

    title = "Engine `huggingface`"

    huggingface_api_key: Secret | None = Field(None, description="Token of an account at Hugging Face.")
    hf_token: Secret | None = Field(None, description="The same, under the name that its own tools use.")
    huggingface_model: str = Field(
        "black-forest-labs/FLUX.1-schnell", pattern=r"^[\w.-]+/[\w.-]+$", description="Model at Hugging Face."
    )
    huggingface_provider: str = Field(
        "auto",
        description="Provider that runs it: nscale, fal-ai, together, hf-inference, or auto: the first that serves it.",
    )
    huggingface_url: Url | None = Field(
        None,
        description="Address of an Inference Endpoint of your own, which is asked in place of a provider.",
    )
    huggingface_router_url: Url = Field(
        "https://router.huggingface.co", description="Hugging Face's router to the providers."
    )
    huggingface_hub_url: Url = Field(
        "https://huggingface.co", description="Its Hub, which names the providers of a model."
    )
    huggingface_image_origins: Listed[Origin] = Field(
        ("https://fal.media", "https://*.fal.media"),
        description="Hosts from which its providers' pictures may be fetched.",
    )
    huggingface_seconds: float = Field(120, gt=0, description="Limit of one wait for its answer or download.")
