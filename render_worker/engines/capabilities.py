"""What an engine can honour of a request, declared as data."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

from render_worker.contract import DIFFUSION_NAMES, Recipe
from render_worker.sizes import Sizes


@dataclass(frozen=True)
class Capabilities:
    """The parameters that an engine honours beside the prompt. Each is named as clients name it."""

    sizes: Sizes
    seed: bool = False
    negative_prompt: bool = False
    guidance_scale: bool = False
    steps: bool = False
    scheduler: bool = False
    lora_path: bool = False
    lora_scale: bool = False
    image: bool = False
    """An image to begin with."""
    strength: bool = False
    """How far the picture may depart from that."""
    previews: bool = False
    """Pictures that show the progress."""

    @classmethod
    def of(cls, names: Iterable[str], sizes: Sizes) -> Self:
        """Return those that honour the parameters of these names and make these sizes."""
        return cls(sizes, **dict.fromkeys(names, True))

    @property
    def parameters(self) -> frozenset[str]:
        """Return the names of the honoured parameters that a recipe has."""
        return frozenset(name for name in PARAMETERS if getattr(self, name))


PARAMETERS = frozenset(field.name for field in fields(Capabilities)) & Recipe.model_fields.keys()
"""The parameters beside prompt and size that a recipe may hold; with its default it asks for nothing."""

SIZE_PARAMETERS = ("width", "height")

IMAGE_PARAMETERS = frozenset({"image", "strength"})
DIFFUSION_PARAMETERS = PARAMETERS & DIFFUSION_NAMES
"""Those that only engines honour which run the model themselves."""
COMMON_PARAMETERS = PARAMETERS - DIFFUSION_PARAMETERS
"""Those that any engine may honour."""
TEXT_PARAMETERS = COMMON_PARAMETERS - IMAGE_PARAMETERS
"""Those of them that a picture made of texts alone has."""


def requested(recipe: Recipe) -> list[str]:
    """Return the names of the parameters whose value in the recipe is not its default, sorted."""
    return sorted(name for name in PARAMETERS if getattr(recipe, name) != Recipe.model_fields[name].default)
