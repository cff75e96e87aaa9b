"""Of which kind the model in a folder is, and which of its files are loaded, from its configurations alone."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.safetensors_header import BrokenFile, Header, read_header

INDEX = "model_index.json"
VARIANT = "fp16"
MAX_JSON_BYTES = 32 * 1024 * 1024  # a tokenizer's vocabulary is no larger


class Layout(StrEnum):
    """Kinds of models, by the parts that they are made of."""

    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"


_SD = {"unet": True, "vae": True, "text_encoder": True}
WEIGHTS: dict[Layout, dict[str, bool]] = {
    Layout.SD1: _SD,
    Layout.SD2: _SD,
    Layout.SDXL: {**_SD, "text_encoder_2": True},
    Layout.SD3: {
        "transformer": True,
        "vae": True,
        "text_encoder": True,
        "text_encoder_2": True,
        "text_encoder_3": False,
    },
    Layout.FLUX: {"transformer": True, "vae": True, "text_encoder": True, "text_encoder_2": True},
}
"""The parts with weights, and whether a model cannot do without."""
PIPELINES = {
    "StableDiffusionPipeline": Layout.SD1,
    "StableDiffusionXLPipeline": Layout.SDXL,
    "StableDiffusion3Pipeline": Layout.SD3,
    "FluxPipeline": Layout.FLUX,
}
LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion"})
"""Packages whose classes a model may name: any other would be imported, and run."""


@dataclass(frozen=True)
class ModelFiles:
    """A model that can be loaded from its folder."""

    folder: Path
    layout: Layout
    variant: str | None
    """`fp16` if the files with that in their names are loaded."""
    absent: tuple[str, ...]
    """Parts that the model does without, and of which the pipeline must be told so."""
    side: int
    """The sides of the square that it is made for, in pixels."""
    size_bytes: int
    """What its weights take on disk."""
    parameters: int
    """How many numbers its weights have."""
    has_safety_checker: bool


def model_files(folder: Path) -> ModelFiles:
    """Return what is loaded of a folder. Nothing of it is loaded or run.

    Raises ModelUnusable, with a sentence, if the model in it is broken or of another kind.
    """
    index = _json(folder, INDEX)
    layout = _layout(folder, index)
    parts = [part for part, needed in WEIGHTS[layout].items() if needed or _names_class(index, part)]
    if _names_class(index, "safety_checker"):
        parts.append("safety_checker")
    variant, files = _chosen(folder, parts)
    headers = [_header(folder, file) for file in files]
    return ModelFiles(
        folder=folder,
        layout=layout,
        variant=variant,
        absent=_absent(layout, index),
        side=_side(folder),
        size_bytes=sum(file.stat().st_size for file in files),
        parameters=sum(header.parameters for header in headers),
        has_safety_checker="safety_checker" in parts,
    )


def _layout(folder: Path, index: dict[str, Any]) -> Layout:
    """Return the kind of a model."""
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in PIPELINES:
        raise _unusable(folder, f"its pipeline is {str(name)[:60]}, and known are {', '.join(PIPELINES)}")
    for part, value in index.items():
        if isinstance(value, list) and len(value) == 2 and value[0] is not None and value[0] not in LIBRARIES:
            raise _unusable(folder, f"its {part} is made by code of its own, which is never run")
    layout = PIPELINES[name]
    for part, needed in WEIGHTS[layout].items():
        if needed and not _names_class(index, part):
            raise _unusable(folder, f"its {INDEX} names no {part}")
    # Of the two with one class the second has matrices where the first has convolutions.
    if layout is Layout.SD1 and _json(folder, "unet/config.json").get("use_linear_projection"):
        return Layout.SD2
    return layout


def _names_class(index: dict[str, Any], part: str) -> bool:
    """Return whether a model has that part."""
    value = index.get(part)
    return isinstance(value, list) and len(value) == 2 and all(isinstance(it, str) for it in value)


def _absent(layout: Layout, index: dict[str, Any]) -> tuple[str, ...]:
    """Return the parts of its kind that the model does without."""
    encoders = [part for part, needed in WEIGHTS[layout].items() if not needed and not _names_class(index, part)]
    return tuple(name for part in encoders for name in (part, part.replace("text_encoder", "tokenizer")))


def _chosen(folder: Path, parts: list[str]) -> tuple[str | None, list[Path]]:
    """Return the variant that is there of all parts, and its files; the files without a variant come first."""
    missing = []
    for variant in (None, VARIANT):
        found = {part: weight_files(folder, part, variant) for part in parts}
        if all(found.values()):
            return variant, [file for files in found.values() for file in files]
        missing += [part for part, files in found.items() if not files]
    part = missing[0]
    if any((folder / part).glob("*.bin")):
        raise _unusable(folder, f"its {part} is a .bin file, which may run code as it is read; .safetensors is needed")
    raise _unusable(folder, f"its {part} has no .safetensors file")


def weight_files(folder: Path, part: str, variant: str | None) -> list[Path]:
    """Return the files with the weights of a part; an empty list if there are none of that variant."""
    infix = f".{variant}" if variant else ""
    for stem in ("diffusion_pytorch_model", "model"):
        if (file := folder / part / f"{stem}{infix}.safetensors").is_file():
            return [file]
        for name in (f"{stem}.safetensors.index{infix}.json", f"{stem}{infix}.safetensors.index.json"):
            if (folder / part / name).is_file():
                return _shards(folder, part, name)
    return []


def _shards(folder: Path, part: str, name: str) -> list[Path]:
    """Return the files that an index of shards names."""
    shards = _json(folder, f"{part}/{name}").get("weight_map")
    names = sorted(set(shards.values())) if isinstance(shards, dict) else []
    if not names or not all(isinstance(it, str) and "/" not in it and it.endswith(".safetensors") for it in names):
        raise _unusable(folder, f"{part}/{name} is broken")
    return [folder / part / it for it in names]


def _header(folder: Path, file: Path) -> Header:
    try:
        return read_header(file)
    except BrokenFile as error:
        raise _unusable(folder, f"{file.relative_to(folder)} is broken: {error}") from error


def _side(folder: Path) -> int:
    """Return the sides of the square that a model is made for: its pipeline's own default."""
    scale = 8
    for part in ("unet", "transformer"):
        if (folder / part / "config.json").is_file():
            size = _json(folder, f"{part}/config.json").get("sample_size")
            if type(size) is int and size > 0:
                return size * scale
    size = _json(folder, "vae/config.json").get("sample_size")  # FLUX's transformer has none
    return size if type(size) is int and size > 0 else 1024


def _json(folder: Path, name: str) -> dict[str, Any]:
    """Return a JSON object of a model's folder."""
    path = folder / name
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise _unusable(folder, f"its {name} is too large")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(folder, f"it has no {name}") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(folder, f"its {name} is no JSON") from error
    if not isinstance(value, dict):
        raise _unusable(folder, f"its {name} is no JSON object")
    return value


def _unusable(folder: Path, why: str) -> ModelUnusable:
    return ModelUnusable(f"The model {folder.name} cannot be loaded: {why}.")
