"""Settings of the engine `huggingface`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from render_worker.engines.huggingface.arguments import checked_arguments
from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed, Origin, Secret, Url

WayName = Literal["providers", "space"]
SizeText = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]

# Of Z-Image-Turbo's Space: prompt, resolution, seed, steps, shift, whether the seed is random, and a gallery.
Z_IMAGE = '["{prompt}", "{size} ( {ratio} )", "{seed}", 8, 3, false, []]'
Z_IMAGE_SIZES = ("1024x1024", "1248x832", "832x1248", "1152x864", "864x1152", "1280x720", "720x1280")


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
    huggingface_ways: Listed[WayName] = Field(
        ("providers", "space"),
        min_length=1,
        description="Ways to a picture, in order: `providers`, paid by credits, and `space`, in the account's free GPU "
        "minutes. The next one is taken while one has no credit, quota or permission, or no provider for the model; an "
        "endpoint of your own has no other way.",
    )
    huggingface_space: str = Field(
        "mcp-tools/Z-Image-Turbo", pattern=r"^[\w.-]+/[\w.-]+$", description="Space of ZeroGPU, by gradio."
    )
    huggingface_space_api: str = Field("generate", pattern=r"^/?\w{1,100}$", description="Its function's name.")
    huggingface_space_arguments: Annotated[str, AfterValidator(checked_arguments)] = Field(
        Z_IMAGE,
        description="Its function's arguments, a JSON list; {prompt}, {negative_prompt}, {seed}, {guidance_scale}, "
        "{width}, {height}, {size} and {ratio} stand for what is asked for.",
    )
    huggingface_space_sizes: Listed[SizeText] = Field(
        Z_IMAGE_SIZES, min_length=1, description="Sizes that it makes, the first of a proportion for that shape."
    )
    huggingface_space_url: Url | None = Field(
        None, description="The Space's address, if it is not https://<owner>-<name>.hf.space. It gets the token."
    )
    huggingface_seconds: float = Field(120, gt=0, description="Limit of one wait for its answer or download.")
