"""The providers that are used, and the parameters that each really honours.

They are those whose client method is one exchange that returns the picture, or its address. Of the others, wavespeed
and zai-org are polled by the client in a thread that cannot be ended, and replicate silently drops width, height and
guidance of some models; it has an engine of its own here.

The parameters' names are those of huggingface_hub 2.4.0 (`inference/_providers`). What a provider does with them is as
fal.ai, Together and Hugging Face describe it, if they do; no reference of nscale's was found, so nothing is promised
of it or sent to it.
"""

from render_worker.contract import Recipe
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.huggingface.sizes import ratio_at, sizes_at
from render_worker.sizes import SizePlan

AUTO = "auto"
HF_INFERENCE = "hf-inference"

_ALL = frozenset({"seed", "negative_prompt", "guidance_scale"})
_HONOURED_BY: dict[str, frozenset[str]] = {
    "nscale": frozenset(),
    "fal-ai": _ALL,
    "together": _ALL,
    HF_INFERENCE: _ALL,
}
PROVIDERS = tuple(_HONOURED_BY)

_HONOURED_BY_MODEL: tuple[tuple[str, frozenset[str]], ...] = (
    # The first whose words are in the model's name counts. A distilled model has a seed, and no use for the others.
    ("schnell", frozenset({"seed"})),
    ("turbo", frozenset({"seed"})),
    ("lightning", frozenset({"seed"})),
    ("flux", frozenset({"seed", "guidance_scale"})),
    ("stable-diffusion", _ALL),
    ("sdxl", _ALL),
)
_HONOURED_BY_ANY_MODEL = frozenset({"seed"})


_BETTER = ("flux", "qwen-image", "stable-diffusion-3", "z-image", "hidream")

TAKES_A_FORMAT = ("fal-ai", "together")
"""Providers whose input `output_format` is `png` or `jpeg`, their default; Hugging Face's own is asked for a PNG by the
client."""


def capabilities_at(provider: str, model: str) -> Capabilities:
    """Return what that provider honours with that model; for `auto` what all providers do, as any may be the one."""
    family = next((names for words, names in _HONOURED_BY_MODEL if words in model.lower()), _HONOURED_BY_ANY_MODEL)
    sizes = sizes_at(provider, model)
    if provider == AUTO:
        return Capabilities.of(family.intersection(*_HONOURED_BY.values()), sizes)
    return Capabilities.of(family & _HONOURED_BY.get(provider, frozenset()), sizes)


def quality_at(model: str) -> int:
    """Return how good the pictures of a model are: 3 if its name is one of today's, else as Stable Diffusion's."""
    return 3 if any(words in model.lower() for words in _BETTER) else 2


def extra_at(provider: str, model: str, recipe: Recipe, plan: SizePlan) -> dict[str, str] | None:
    """Return what the provider takes beside the client's own parameters: a ratio, and the file's format.

    That is the wanted one if a file in it is kept as it comes, else PNG, which has no loss.
    """
    extra = ratio_at(provider, model, plan.made)
    if provider in TAKES_A_FORMAT:
        as_jpeg = plan.keeps_file and recipe.output_format == "jpeg" and recipe.output_compression is None
        extra["output_format"] = "jpeg" if as_jpeg else "png"
    return extra or None
