"""Whether what came of a model is a picture."""

import io
from typing import Any

import torch
from PIL import Image

from render_worker.errors import BadPicture

TOO_FEW_BITS = "With DIFFUSERS_PRECISION=bf16 or fp32 this model may make whole ones."


def to_images(tensors: Any) -> list[Image.Image | BadPicture]:
    """Return the pictures of a pipeline's tensors, which are from 0 to 1, and for each that is none its error.

    A VAE whose numbers overflow, as SDXL's in fp16 does, gives no numbers (NaN) or black.
    """
    finite = torch.isfinite(tensors).flatten(1).all(1).tolist()
    bytes_ = (tensors.float().nan_to_num() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [_checked(Image.fromarray(pixels), is_finite) for pixels, is_finite in zip(bytes_, finite, strict=True)]


def _checked(image: Image.Image, is_finite: bool) -> Image.Image | BadPicture:
    if not is_finite:
        return BadPicture("broken", f"The model's picture is no numbers, as they overflowed. {TOO_FEW_BITS}")
    if image.getbbox() is None:
        return BadPicture("empty", f"The model's picture is all black. {TOO_FEW_BITS}")
    return image


def to_png(image: Image.Image) -> bytes:
    """Return the file of a picture, not compressed: the pipeline encodes the one that is kept."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()
