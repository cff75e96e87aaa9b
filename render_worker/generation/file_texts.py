"""The texts that a picture's file carries."""

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage


def file_texts(engine: str, image: GeneratedImage, recipe: Recipe, *, simulated: bool) -> dict[str, str | None]:
    """Return the texts by their names; of a name with None not even the engine's own text is kept."""
    return {
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "seed": None if image.seed is None else str(image.seed),
        "guidance_scale": None if image.guidance_scale is None else f"{image.guidance_scale:g}",
        "steps": None if image.steps is None else str(image.steps),
        "scheduler": image.scheduler,
        "lora_path": recipe.lora_path,
        "lora_scale": None if recipe.lora_scale is None else f"{recipe.lora_scale:g}",
        "shape": recipe.shape,
        "width": None if recipe.width is None else str(recipe.width),
        "height": None if recipe.height is None else str(recipe.height),
        "aspect_ratio": recipe.aspect_ratio,
        "engine": engine,
        "model": image.model,
        "note": image.note,
        "simulated": "true" if simulated else None,
    }
