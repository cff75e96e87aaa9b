"""The names of a LoRA's tensors: which layer each belongs to, and what it is to it."""

import re
from enum import Enum
from typing import NamedTuple

from render_worker.engines.diffusers.loras.problem import LoraProblem


class Part(Enum):
    """What a tensor is: a LoRA adds `up × down`, times `alpha / rank`, to a layer's weights."""

    DOWN = "down"
    UP = "up"
    ALPHA = "alpha"


class TensorName(NamedTuple):
    """A tensor's name, taken apart."""

    layer: str
    """The layer, as the file's format calls it."""
    part: Part


# peft's, Kohya's, and two that diffusers wrote once.
_ENDINGS = {
    f"{ending}.weight": part
    for part, endings in (
        (
            Part.DOWN,
            (".lora_A", ".lora_A.default", ".lora_down", ".lora.down", "_lora.down", ".lora_linear_layer.down"),
        ),
        (Part.UP, (".lora_B", ".lora_B.default", ".lora_up", ".lora.up", "_lora.up", ".lora_linear_layer.up")),
    )
    for ending in endings
} | {".alpha": Part.ALPHA}

_OTHER_KINDS = {
    r"dora_scale|lora_magnitude_vector": "a DoRA",
    r"[._]hada_": "a LoHa",
    r"[._]lokr_": "a LoKr",
    r"[._]oft_": "an OFT",
    r"\.lora_mid\.": "a LoCon with a tensor in the middle",
    r"\.lora_embedding_": "a LoRA of embeddings",
    r"lora.*\.bias$|\.diff_b$": "a LoRA with biases",
    r"\.diff$": "a file of whole differences",
}


def parse_name(name: str) -> TensorName:
    """Return a tensor's layer and part. Raises LoraProblem if it is of no LoRA, or of a kind that is not supported."""
    for ending, part in _ENDINGS.items():
        if name.endswith(ending):
            return TensorName(name.removesuffix(ending).replace(".processor.", "."), part)
    for mark, kind in _OTHER_KINDS.items():
        if re.search(mark, name):
            raise LoraProblem(f"it is {kind}, which is not supported")
    raise LoraProblem(f"it is no LoRA: {shortened(name)} is not of one")


def shortened(name: str) -> str:
    """Return a name from a file for a sentence: printable, and of a length that can be read."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= 120 else f"{text[:117]}..."
