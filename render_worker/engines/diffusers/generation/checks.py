"""Whether what came of a model is a picture."""

import io
from typing import Any

import torch
from PIL import Image

from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.errors import BadPicture

TOO_FEW_BITS = "With DIFFUSERS_PRECISION=bf16 or fp32 this model may make whole ones."
WEAKER_LORA = "Without the LoRA {0}, or with a smaller lora_scale, the model may make whole ones."


def to_images(tensors: Any, dtype: torch.dtype, lora: LoraUse | None) -> list[Image.Image | BadPicture]:
    """Return the pictures of a pipeline's tensors, which are from 0 to 1, and for each that is none its error.

    A VAE whose numbers overflow, as SDXL's in fp16 does, gives no numbers (NaN) or black. So do a LoRA's layers, if its
    weights are large: the error names what of both may be the cause, by the model's `dtype` and its `lora`.
    """
    finite = torch.isfinite(tensors).flatten(1).all(1).tolist()
    bytes_ = (tensors.float().nan_to_num() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    advice = _advice(dtype, lora)
    checked = zip(bytes_, finite, strict=True)
    return [_checked(Image.fromarray(pixels), is_finite, advice) for pixels, is_finite in checked]


def _checked(image: Image.Image, is_finite: bool, advice: str) -> Image.Image | BadPicture:
    if not is_finite:
        return BadPicture("broken", f"The model's picture is no numbers, as they overflowed.{advice}")
    if image.getbbox() is None:
        return BadPicture("empty", f"The model's picture is all black.{advice}")
    return image


def _advice(dtype: torch.dtype, lora: LoraUse | None) -> str:
    """Return what may help, each sentence after a space; nothing if no cause is known."""
    sentences = []
    if lora:
        sentences.append(WEAKER_LORA.format(lora.name))
    if dtype == torch.float16:
        sentences.append(TOO_FEW_BITS)
    return "".join(f" {it}" for it in sentences)


def to_png(image: Image.Image) -> bytes:
    """Return the file of a picture, not compressed: the pipeline encodes the one that is kept."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()
