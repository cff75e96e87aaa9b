"""Of which kind the model in a folder is, and which of its files are loaded, from its configurations alone."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from render_worker.engines.diffusers.models.configurations import json_of, unusable

INDEX = "model_index.json"


class Layout(StrEnum):
    """Kinds of models, by the parts that they are made of."""

    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"


PIPELINES = {
    "StableDiffusionPipeline": Layout.SD1,
    "StableDiffusionXLPipeline": Layout.SDXL,
    "StableDiffusion3Pipeline": Layout.SD3,
    "FluxPipeline": Layout.FLUX,
}
_CLIP = frozenset({"CLIPTextModel", "CLIPTextModelWithProjection"})
_T5 = frozenset({"T5EncoderModel"})
_SD = {
    "unet": frozenset({"UNet2DConditionModel"}),
    "vae": frozenset({"AutoencoderKL"}),
    "text_encoder": _CLIP,
}
WEIGHTS: dict[Layout, dict[str, frozenset[str]]] = {
    Layout.SD1: _SD,
    Layout.SD2: _SD,
    Layout.SDXL: {**_SD, "text_encoder_2": _CLIP},
    Layout.SD3: {
        "transformer": frozenset({"SD3Transformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "text_encoder": _CLIP,
        "text_encoder_2": _CLIP,
        "text_encoder_3": _T5,
    },
    Layout.FLUX: {
        "transformer": frozenset({"FluxTransformer2DModel"}),
        "vae": frozenset({"AutoencoderKL"}),
        "text_encoder": _CLIP,
        "text_encoder_2": _T5,
    },
}
"""The parts with weights, and the classes that each may have. Only these are ever imported because a model says so."""
OPTIONAL = {Layout.SD3: frozenset({"text_encoder_3"})}
"""Parts that a model may do without."""
TOKENIZERS = frozenset({"CLIPTokenizer", "CLIPTokenizerFast", "T5Tokenizer", "T5TokenizerFast"})
NEVER_LOADED = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts that a pipeline is loaded without: the safety checker is applied to the pictures of all kinds alike."""


def layout_of(folder: Path) -> Layout:
    """Return the kind of the model in a folder.

    Raises ModelUnusable, with a sentence, if it is none that is known, or if it names classes that no such model has.
    """
    index = json_of(folder, INDEX)
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in PIPELINES:
        raise unusable(folder, f"its pipeline is {str(name)[:60]}, and known are {', '.join(PIPELINES)}")
    layout = PIPELINES[name]
    for part, classes in WEIGHTS[layout].items():
        _check_class(folder, index, part, classes, optional=part in OPTIONAL.get(layout, ()))
        tokenizer = part.replace("text_encoder", "tokenizer")
        if tokenizer != part:
            _check_class(folder, index, tokenizer, TOKENIZERS, optional=not has_part(index, part))
    _check_scheduler(folder, index)
    # Of the two with one class the second has matrices where the first has convolutions.
    if layout is Layout.SD1 and json_of(folder, "unet/config.json").get("use_linear_projection"):
        return Layout.SD2
    return layout


def has_part(index: dict[str, Any], part: str) -> bool:
    """Return whether a model has that part."""
    return _class_of(index, part) is not None


def parts_with_weights(layout: Layout, index: dict[str, Any]) -> list[str]:
    """Return the parts whose weights are loaded."""
    return [part for part in WEIGHTS[layout] if has_part(index, part)]


def absent_parts(layout: Layout, index: dict[str, Any]) -> tuple[str, ...]:
    """Return the parts that the pipeline must be told to do without."""
    encoders = [part for part in WEIGHTS[layout] if not has_part(index, part)]
    named = [part for part in NEVER_LOADED if part in index]
    return (*encoders, *(part.replace("text_encoder", "tokenizer") for part in encoders), *named)


def _class_of(index: dict[str, Any], part: str) -> tuple[str, str] | None:
    """Return the library and the class of a part; None if the model does without."""
    value = index.get(part)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(it, str) for it in value):
        return value[0], value[1]
    return None


def _check_class(folder: Path, index: dict[str, Any], part: str, classes: frozenset[str], *, optional: bool) -> None:
    found = _class_of(index, part)
    if found is None and not optional:
        raise unusable(folder, f"its {INDEX} names no {part}")
    if found and (found[0] not in ("diffusers", "transformers") or found[1] not in classes):
        raise unusable(folder, f"its {part} is a {'.'.join(found)[:100]}, and known are {', '.join(sorted(classes))}")


def _check_scheduler(folder: Path, index: dict[str, Any]) -> None:
    found = _class_of(index, "scheduler")
    if found is None or found[0] != "diffusers" or not found[1].endswith("Scheduler") or not found[1].isidentifier():
        raise unusable(folder, f"its {INDEX} names no scheduler of diffusers")
