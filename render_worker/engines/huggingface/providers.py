"""Which providers are asked, and which parameters are really taken there.

The providers are those whose client method is one exchange that brings the picture, or its address. Of the others,
wavespeed and zai-org are polled by the client in a thread that nobody can end, and replicate drops width, height and
guidance of some models without a word; it has an engine of its own here.

What a provider takes was read in huggingface_hub 2.4.0 (`inference/_providers`) for the names under which parameters
travel. What is done with them there is as fal.ai, Together and Hugging Face describe it, as far as that is known here;
no reference of nscale's was found, so nothing is promised of it or sent to it.
"""

from render_worker.engines.capabilities import Capabilities

AUTO = "auto"
HF_INFERENCE = "hf-inference"

_ALL = frozenset({"seed", "negative_prompt", "guidance_scale"})
_TAKEN_BY: dict[str, frozenset[str]] = {
    "nscale": frozenset(),
    "fal-ai": _ALL,
    "together": _ALL,
    HF_INFERENCE: _ALL,
}
PROVIDERS = tuple(_TAKEN_BY)

_TAKEN_BY_MODEL: tuple[tuple[str, frozenset[str]], ...] = (
    # The first whose words are in the model's name. A distilled model has a seed, and no use for the others.
    ("schnell", frozenset({"seed"})),
    ("turbo", frozenset({"seed"})),
    ("lightning", frozenset({"seed"})),
    ("flux", frozenset({"seed", "guidance_scale"})),
    ("stable-diffusion", _ALL),
    ("sdxl", _ALL),
)
_TAKEN_BY_ANY_MODEL = frozenset({"seed"})


def capabilities_at(provider: str, model: str) -> Capabilities:
    """Return what that provider honours with that model; for `auto` what all providers do, as any may be the one."""
    family = next((taken for words, taken in _TAKEN_BY_MODEL if words in model.lower()), _TAKEN_BY_ANY_MODEL)
    if provider == AUTO:
        return Capabilities.of(family.intersection(*_TAKEN_BY.values()))
    return Capabilities.of(family & _TAKEN_BY.get(provider, frozenset()))
