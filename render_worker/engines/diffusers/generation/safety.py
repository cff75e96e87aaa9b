"""The safety checker of a model's folder, for pictures of any layout."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image


def flags(checker: Any, extractor: Any, images: Sequence[Image.Image]) -> list[bool]:
    """Return of each picture whether the checker takes it for one that is not safe for work."""
    first = next(checker.parameters())
    inputs = extractor(images=list(images), return_tensors="pt").pixel_values.to(first.device, first.dtype)
    blackened_by_it = [torch.zeros(1) for _ in images]  # which it does with what it is given
    with torch.no_grad():
        found = checker(clip_input=inputs, images=blackened_by_it)[1]
    return [bool(it) for it in found]


def blackened(image: Image.Image) -> Image.Image:
    """Return a black picture of the same size, in place of one that is flagged."""
    return Image.new("RGB", image.size)
