"""The models of the stand-in in `sandbox/vertex.py`, and their sizes in pixels as Google's page lists them.

It is https://ai.google.dev/gemini-api/docs/image-generation. Imagen's models are gone, as Google announced. A size
that a model lacks is refused, which is unverified: it is also said that a model ignored the image size.
"""

import io
from typing import Any

from PIL import Image

from sandbox.pictures import painted

GEMINI = (
    "gemini-2.5-flash-image",
    "gemini-3-pro-image",
    "gemini-3.1-flash-image",
    "gemini-3.1-flash-lite-image",
    "gemini-nano-banana-2.1",
)
OLDEST_GEMINI = GEMINI[0]
ONE_K = 1024
GEMINI_2_5 = """
1:1 1024x1024
2:3 832x1248
3:2 1248x832
3:4 864x1184
4:3 1184x864
4:5 896x1152
5:4 1152x896
9:16 768x1344
16:9 1344x768
21:9 1536x672
"""
GEMINI_3 = """
1:1 1024x1024 2048x2048 4096x4096
2:3 848x1264 1696x2528 3392x5056
3:2 1264x848 2528x1696 5056x3392
3:4 896x1200 1792x2400 3584x4800
4:3 1200x896 2400x1792 4800x3584
4:5 928x1152 1856x2304 3712x4608
5:4 1152x928 2304x1856 4608x3712
9:16 768x1376 1536x2752 3072x5504
16:9 1376x768 2752x1536 5504x3072
21:9 1584x672 3168x1344 6336x2688
"""
GEMINI_3_1 = f"""{GEMINI_3.rstrip()}
1:4 512x2048 1024x4096 2048x8192
4:1 2048x512 4096x1024 8192x2048
"""
IMAGE_SIZES = ("1K", "2K", "4K")
KINDS = {"image/png": "PNG", "image/jpeg": "JPEG"}
DEFAULT_KIND = "image/png"
DEFAULT_QUALITY = 75

Size = tuple[int, int]


def size_of(model: str, aspect_ratio: str, image_size: str) -> Size | None:
    """Return the width and height in pixels; returns None if the model has no such size."""
    lines = (line.split() for line in _table(model).split("\n"))
    found = next((sizes for ratio, *sizes in filter(None, lines) if ratio == aspect_ratio), [])
    named = dict(zip(IMAGE_SIZES[: _image_sizes(model)], found, strict=False))
    if image_size not in named:
        return None
    width, height = named[image_size].split("x")
    return int(width), int(height)


def file_of(prompt: str, negative_prompt: str, seed: int, size: Size, output: dict[str, Any]) -> tuple[str, bytes]:
    """Return the media type and the file that `output` asks for; a large one is painted small and enlarged.

    Raises LookupError if Google makes no files of that type.
    """
    kind = output.get("mimeType", DEFAULT_KIND)
    image_format = KINDS[kind]
    doublings = max(0, (max(size) // ONE_K).bit_length() - 1)
    small = (size[0] >> doublings, size[1] >> doublings)
    image = Image.open(io.BytesIO(painted(prompt, negative_prompt, seed, 7.0, small))).resize(size)
    out = io.BytesIO()
    image.save(out, image_format, quality=output.get("compressionQuality", DEFAULT_QUALITY), compress_level=1)
    return kind, out.getvalue()


def _table(model: str) -> str:
    if model == OLDEST_GEMINI:
        return GEMINI_2_5
    return GEMINI_3_1 if model == "gemini-3.1-flash-image" else GEMINI_3


def _image_sizes(model: str) -> int:
    """Return how many of the image sizes the model has."""
    return 1 if model in (OLDEST_GEMINI, "gemini-3.1-flash-lite-image") else 3
