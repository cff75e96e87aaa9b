"""The tables of docs/engines.md: what each engine is asked for, and what comes of it, as its declared sizes say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from render_worker.contract import Recipe, Size
from render_worker.engines import ENGINES
from render_worker.engines.base import Engine
from render_worker.engines.capabilities import SIZE_PARAMETERS

Asked = Mapping[str, object]


@dataclass(frozen=True)
class Example:
    """A model of an engine, and the settings that select it."""

    title: str
    model: str = "auto"
    settings: dict[str, Any] = field(default_factory=dict)


def _replicate(title: str, model: str) -> Example:
    return Example(title, model, {"replicate_models": (model,)})


def _huggingface(title: str, provider: str, model: str) -> Example:
    return Example(title, settings={"huggingface_provider": provider, "huggingface_model": model})


def _vertex(model: str) -> Example:
    return Example(f"`{model}`", settings={"vertex_model": model})


def _openai(title: str, kind: str, model: str | None = None) -> Example:
    return Example(title, settings={"openai_kind": kind, "openai_image_model": model})


def _cloudflare(title: str, model: str) -> Example:
    return Example(title, settings={"cloudflare_model": (model,)})


EXAMPLES = {
    "automatic1111": (
        Example("SDXL and larger"),
        Example("Stable Diffusion 1.5", settings={"automatic1111_native": "512"}),
    ),
    "openai": (
        _openai("gpt-image-2 and later", "openai"),
        _openai("a server that is not known", "compatible"),
        _openai("xAI", "xai"),
        _openai("Together, Nebius, DeepInfra, ModelScope, Pollinations", "together"),
        _openai("vLLM-Omni, SGLang, LocalAI, stable-diffusion.cpp", "sd.cpp"),
    ),
    "replicate": (
        _replicate("FLUX schnell, FLUX dev", "black-forest-labs/flux-schnell"),
        _replicate("SDXL", "stability-ai/sdxl"),
        _replicate("a model that tells no pixels", "acme/model"),
    ),
    "vertex": tuple(map(_vertex, ("gemini-3.1-flash-image", "gemini-3-pro-image", "gemini-2.5-flash-image"))),
    "cloudflare": (
        _cloudflare("FLUX.1 schnell", "@cf/black-forest-labs/flux-1-schnell"),
        _cloudflare("FLUX.2", "@cf/black-forest-labs/flux-2-klein-4b"),
        _cloudflare("SDXL", "@cf/stabilityai/stable-diffusion-xl-base-1.0"),
        _cloudflare("DreamShaper", "@cf/lykon/dreamshaper-8-lcm"),
    ),
    "huggingface": (
        _huggingface("FLUX.1-schnell, `auto`", "auto", "black-forest-labs/FLUX.1-schnell"),
        _huggingface("FLUX.1-dev, `fal-ai` or `together`", "fal-ai", "black-forest-labs/FLUX.1-dev"),
        _huggingface("SDXL, `hf-inference`", "hf-inference", "stabilityai/stable-diffusion-xl-base-1.0"),
        _huggingface("Stable Diffusion 1.5", "hf-inference", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        _huggingface("Qwen-Image, `fal-ai`", "fal-ai", "Qwen/Qwen-Image"),
        Example("Z-Image-Turbo's Space", settings={"huggingface_ways": ("space",)}),
    ),
}
"""The well-known models of engines whose sizes depend on the model; of each other engine there is one column."""

SIZES = (
    *((256, 256), (512, 512), (512, 768), (768, 768), (1000, 1000), (1024, 1024)),
    *((1536, 1024), (1024, 1792), (1280, 720), (1920, 1080), (2048, 2048)),
)
ASKED: tuple[Asked, ...] = (
    *({"shape": shape} for shape in ("square", "landscape", "portrait")),
    *({"aspect_ratio": ratio} for ratio in ("16:9", "9:16", "4:3", "21:9", "1:4")),
    *({"width": width, "height": height} for width, height in SIZES),
    {"width": 800, "aspect_ratio": "4:3"},
)


def tables() -> str:
    """Return a table for each engine, with a heading."""
    return "\n\n".join(_table(name, EXAMPLES.get(name, (Example(f"`{name}`"),))) for name in ENGINES)


def outcome(engine: Engine, recipe: Recipe) -> str:
    """Return what the engine is asked for and what comes of it: one size if they are the same."""
    if refused := set(engine.cannot_honour(recipe)) & set(SIZE_PARAMETERS):
        return f"**no**: {outcome(engine, recipe.model_copy(update=dict.fromkeys(refused)))}"
    sizes = engine.capabilities_of(recipe.model).sizes
    plan = sizes.plan(recipe)
    if sizes.for_clients() is None:
        across, down = (plan.proportion or Fraction(1)).as_integer_ratio()
        return f"its own, cut to {across}:{down}"
    final = plan.final_size(plan.made)
    return _shown(final) if final == plan.made else f"{_shown(plan.made)} → {_shown(final)}"


def _table(name: str, examples: tuple[Example, ...]) -> str:
    load, settings = ENGINES[name].load(), ENGINES[name].settings
    engines = [(load(settings(**example.settings)), example.model) for example in examples]
    rows = [_row(asked, [outcome(engine, _recipe(asked, model)) for engine, model in engines]) for asked in ASKED]
    head = _cells(["asked for", *(example.title for example in examples)])
    return "\n".join((f"### `{name}`", "", head, "|---" * (len(examples) + 1) + "|", *rows))


def _row(asked: Asked, outcomes: list[str]) -> str:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return _cells([f"`{query}`", *outcomes])


def _cells(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _recipe(asked: Asked, model: str) -> Recipe:
    return Recipe.parse([("prompt", "a"), ("model", model), *asked.items()])


def _shown(size: Size) -> str:
    return f"{size[0]}×{size[1]}"
