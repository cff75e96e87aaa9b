"""Decoding an engine's picture: checked, and in the size of its plan."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from render_worker.contract import Size
from render_worker.errors import BadPicture
from render_worker.sizes import SizePlan

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 4800 * 3584  # the most of Gemini's 4K sizes; a larger claim is a decompression bomb


def decode(data: bytes, plan: SizePlan, size_required: bool) -> tuple[Image.Image, str]:
    """Return the picture in the size of the plan, and the format of its file."""
    if not data:
        raise BadPicture("empty", "The picture is empty.")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS) as image:
            # Before anything is decoded: a larger picture could exhaust the memory.
            if image.width * image.height > MAX_PIXELS:
                raise BadPicture("too_large", f"The picture claims {image.width} by {image.height} pixels.")
            if plan.promised and image.size != plan.made:
                raise _wrong_size(image.size, plan.made)
            size = plan.final_size(image.size)
            if plan.exact and size != plan.exact and size_required:
                raise _wrong_size(image.size, plan.exact)
            image.draft("RGB", size)  # a JPEG is decoded no larger than needed
            image.load()  # of an animation the first frame
            decoded = image if image.mode == "RGB" else image.convert("RGB")  # which would copy an RGB one too
            fitted = decoded if decoded.size == size else ImageOps.fit(decoded, size, Image.Resampling.LANCZOS)
            return fitted, image.format or ""
    except Image.DecompressionBombError:
        raise BadPicture("too_large", "The picture claims far more pixels than any that is made here.") from None
    except UnidentifiedImageError:
        raise BadPicture("unreadable", "The picture is no JPEG, PNG or WebP file.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadPicture("broken", "The picture is broken or cut off.") from error


def _wrong_size(found: Size, expected: Size) -> BadPicture:
    (width, height), (across, down) = found, expected
    return BadPicture(
        "wrong_size", f"The picture has {width} by {height} pixels where {across} by {down} were asked for."
    )
