"""Which files of a model's folder are loaded, and what they say of it. Nothing of it is loaded or run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from render_worker.engines.diffusers.models.configurations import json_of, unusable
from render_worker.engines.diffusers.models.layout import (
    INDEX,
    Layout,
    absent_parts,
    has_part,
    layout_of,
    parts_with_weights,
)
from render_worker.engines.diffusers.models.safetensors_header import Header, HeaderUnreadable, read_header

VARIANT = "fp16"
USUAL_SIDE = 1024
LEAST_SIDE, MOST_SIDE = 64, 8192
SAFETY_CHECKER = "safety_checker"
VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",))
"""The files of a tokenizer, in each of its forms."""


@dataclass(frozen=True)
class Vae:
    """What the configuration of a VAE says."""

    channels: tuple[int, ...]
    """Of its blocks; the first ones are those with the picture's own sides."""
    tile_side: int
    """The sides of the tiles that it can decode one by one, in pixels."""

    @property
    def scale(self) -> int:
        """Return how many pixels are one number of a latent, in each direction."""
        return int(2 ** (len(self.channels) - 1))


@dataclass(frozen=True)
class ModelFiles:
    """A model that can be loaded from its folder."""

    folder: Path
    layout: Layout
    variant: str | None
    """`fp16` if the files with that in their names are loaded, where there are such."""
    absent: tuple[str, ...]
    """Parts of which the pipeline must be told that it does without."""
    side: int
    """The sides of the square that it is made for, in pixels."""
    step: int
    """Of which the sides of its pictures are multiples, in pixels."""
    vae: Vae
    size_bytes: int
    """What its weights take on disk."""
    parameters: dict[str, int]
    """How many numbers the weights of each part have."""
    guided: bool
    """Whether guidance_scale changes its pictures."""
    has_safety_checker: bool
    """Whether it has one that is to be loaded."""


def model_files(folder: Path, *, safety_checker: bool = False) -> ModelFiles:
    """Return what is loaded of a folder, with the model's safety checker if that is wanted.

    Raises ModelUnusable, with a sentence, if the model in it is broken or of another kind.
    """
    index, layout = json_of(folder, INDEX), layout_of(folder)
    checked = safety_checker and (has_part(index, SAFETY_CHECKER) or (folder / SAFETY_CHECKER).is_dir())
    parts = [*parts_with_weights(layout, index), *([SAFETY_CHECKER] if checked else [])]
    variant, files = _chosen(folder, parts)
    _check_texts(folder, [part.replace("text_encoder", "tokenizer") for part in parts if "text_encoder" in part])
    headers = {part: [_header(folder, file) for file in found] for part, found in files.items()}
    vae, core = _vae(folder), json_of(folder, f"{parts[0]}/config.json")
    return ModelFiles(
        folder=folder,
        layout=layout,
        variant=variant,
        absent=absent_parts(layout, index),
        side=_side(folder, core, vae),
        step=vae.scale * (2 if parts[0] == "transformer" else 1),  # whose patches are two numbers of a latent wide
        vae=vae,
        size_bytes=sum(file.stat().st_size for found in files.values() for file in found),
        parameters={part: sum(header.parameters for header in found) for part, found in headers.items()},
        guided=layout is not Layout.FLUX or bool(core.get("guidance_embeds")),
        has_safety_checker=checked,
    )


def _check_texts(folder: Path, tokenizers: list[str]) -> None:
    """Raise ModelUnusable if files are missing that a library would make up for, by a part that is empty."""
    json_of(folder, "scheduler/scheduler_config.json")
    for tokenizer in tokenizers:
        if not any(all((folder / tokenizer / name).is_file() for name in names) for names in VOCABULARIES):
            raise unusable(folder, f"its {tokenizer} has no vocabulary")


def _chosen(folder: Path, parts: list[str]) -> tuple[str | None, dict[str, list[Path]]]:
    """Return the variant to load, and the files of each part: those without a variant if all parts have such."""
    whole = {part: weight_files(folder, part, None) for part in parts}
    if all(whole.values()):
        return None, whole
    half = {part: weight_files(folder, part, VARIANT) or whole[part] for part in parts}
    for part in parts:
        if not half[part]:
            raise unusable(folder, _missing(folder, part))
    return VARIANT, half


def _missing(folder: Path, part: str) -> str:
    if any((folder / part).glob("*.bin")):
        return f"its {part} is a .bin file, which may run code as it is read; a .safetensors file is needed"
    return f"its {part} has no .safetensors file"


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
    shards = json_of(folder, f"{part}/{name}").get("weight_map")
    names = list(shards.values()) if isinstance(shards, dict) else []
    if not names or not all(isinstance(it, str) and "/" not in it and it.endswith(".safetensors") for it in names):
        raise unusable(folder, f"its {part}/{name} names no .safetensors files")
    return [folder / part / it for it in sorted(set(names))]


def _header(folder: Path, file: Path) -> Header:
    try:
        return read_header(file)
    except HeaderUnreadable as error:
        raise unusable(folder, f"its {file.relative_to(folder)} {error}") from error


def _vae(folder: Path) -> Vae:
    config = json_of(folder, "vae/config.json")
    channels = config.get("block_out_channels")
    if not isinstance(channels, list) or not 1 <= len(channels) <= 8 or not all(map(_positive, channels)):
        raise unusable(folder, "its vae/config.json has no block_out_channels")
    return Vae(tuple(channels), _positive(config.get("sample_size")) or USUAL_SIDE)


def _side(folder: Path, core: dict[str, Any], vae: Vae) -> int:
    """Return the sides of the square that a model is made for: its pipeline's own default, if that is known."""
    size = _positive(core.get("sample_size"))
    side = size * vae.scale if size else vae.tile_side  # FLUX's transformer has no size
    if not LEAST_SIDE <= side <= MOST_SIDE or side % (vae.scale * 2):
        raise unusable(folder, f"its configuration says that it makes pictures of {side} pixels")
    return side


def _positive(value: object) -> int | None:
    """Return a number of a configuration; None if it is none, or not above 0."""
    return value if type(value) is int and value > 0 else None
