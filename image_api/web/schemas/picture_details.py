"""What a picture's page shows, and returns as JSON: its result, with the recipe as the client gave it."""

from typing import Literal, Self
from urllib.parse import urlencode

from image_api.generation.picture_records import PictureRecord
from image_api.generation.results import absolute_url
from image_api.styles import without_style
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import IMAGE_TYPES, GenerateResult, Recipe, Size, alternative_text

USUAL_GUIDANCE = 7.0
OF_RESULT = {
    *(
        "guidance_scale",
        "strength",
        "steps",
        "scheduler",
        "lora_path",
        "lora_scale",
        "blurhash",
        "dominant_color",
        "content_type",
        "bytes",
        "nsfw",
        "engine",
    ),
    *("engine_model", "model", "ignored", "expires_at", "duration_ms", "created_at", "note", "simulated"),
}
"""The fields that are the result's, if there is one: those that say nothing about a request or a storage."""


class PictureDetails(ResponseModel):
    """A picture of a name. What is not known of it is left out."""

    success: Literal[True] = True
    image_url: str
    page_url: str
    prompt: str | None = None
    """Without the words of `style`, as is `negative_prompt`."""
    negative_prompt: str | None = None
    style: str | None = None
    seed: int | None = None
    guidance_scale: float | None = None
    shape: str | None = None
    aspect_ratio: str | None = None
    strength: float | None = None
    steps: int | None = None
    scheduler: str | None = None
    lora_path: str | None = None
    lora_scale: float | None = None
    begins_with_image: bool | None = None
    """Whether the client sent an image to begin with, which is not kept."""
    width: int | None = None
    height: int | None = None
    blurhash: str | None = None
    dominant_color: str | None = None
    alt: str | None = None
    content_type: str
    bytes: int | None = None
    sha256: str
    nsfw: bool | None = None
    engine: str | None = None
    engine_model: str | None = None
    model: str | None = None
    ignored: list[str] | None = None
    expires_at: str | None = None
    duration_ms: int | None = None
    created_at: str | None = None
    note: str | None = None
    simulated: bool | None = None

    @classmethod
    def of(cls, name: str, record: PictureRecord, base: str, size: Size | None) -> Self:
        """Return what is known of a picture; `size` is that of its file, if the record has no result."""
        sha256, _, ending = name.partition(".")
        result = record.result
        fields: dict[str, object] = {
            "image_url": absolute_url(result.image_url if result else f"/images/{name}", base),
            "page_url": f"{base}/p/{name}",
            "sha256": sha256,
            "content_type": IMAGE_TYPES[ending],
        }
        fields |= _of_recipe(record.recipe) if record.recipe else {}
        fields |= _of_result(result) if result else dict(zip(("width", "height"), size or (), strict=False))
        return cls(**fields)

    def query(self, recipe: Recipe) -> str:
        """Return the query by which the page's form is filled with a recipe, the picture's own."""
        size = recipe.exact_size
        proportion = {"aspect_ratio": recipe.aspect_ratio} if recipe.aspect_ratio else {"shape": recipe.shape}
        usual = recipe.guidance_scale == USUAL_GUIDANCE
        fields: dict[str, object] = {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "style": self.style,
            "seed": self.seed,
            "guidance_scale": None if usual else f"{recipe.guidance_scale:g}",
            **({"width": size[0], "height": size[1]} if size else proportion),
            "model": None if recipe.model == "auto" else recipe.model,
        }
        return urlencode({name: value for name, value in fields.items() if value is not None})


def _of_recipe(recipe: Recipe) -> dict[str, object]:
    style, prompt, negative_prompt = without_style(recipe.prompt, recipe.negative_prompt)
    usual = recipe.guidance_scale == USUAL_GUIDANCE
    return {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "style": style,
        "seed": recipe.seed if recipe.seed >= 0 else None,
        "guidance_scale": None if usual else recipe.guidance_scale,
        "shape": recipe.shape,
        "aspect_ratio": recipe.aspect_ratio,
        **recipe.model_dump(include={"strength", "steps", "scheduler", "lora_path", "lora_scale"}),
        "begins_with_image": True if recipe.image else None,
        "alt": alternative_text(prompt),
        "model": recipe.model,
    }


def _of_result(result: GenerateResult) -> dict[str, object]:
    known = result.model_dump(include=OF_RESULT, exclude_none=True)
    seed = {} if result.seed is None else {"seed": result.seed}
    return {**known, **seed, "shape": result.shape, "width": result.width, "height": result.height}
