"""Decoding an engine's picture, and encoding the file that is stored, with its recipe as metadata."""

import hashlib
import io
import json
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from render_worker.contract import OutputFormat, Recipe
from render_worker.errors import BadPicture

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 4096 * 4096  # far above every shape; a larger claim is a decompression bomb
ENDINGS: dict[OutputFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
# The loss is invisible at these, and a picture of 768x768 has 60 KB and 23 KB if its PNG has 120; a JPEG of
# 95 is half as large again. WebP's method 4 takes twice the 15 ms of 2 and saves 4 % of the bytes.
JPEG_QUALITY = 90
WEBP_QUALITY = 85
WEBP_METHOD = 2
IMAGE_DESCRIPTION = 0x010E  # the field of EXIF that every viewer shows


@dataclass(frozen=True)
class Picture:
    """A finished file. Equal content has equal bytes, and so an equal name."""

    data: bytes
    width: int
    height: int
    sha256: str
    output_format: OutputFormat = "png"
    cheap: bool = False
    """Whether making it again costs nothing, so that a full storage evicts it first."""
    recipe: Recipe | None = None
    """By which it is made again if a storage loses it; None if that is not known."""

    @property
    def name(self) -> str:
        """Return the file name: the content's SHA-256 and the format's ending."""
        return self.sha256 + ENDINGS[self.output_format]

    @property
    def content_type(self) -> str:
        """Return the file's media type."""
        return f"image/{self.output_format}"


def to_picture(
    data: bytes,
    size: tuple[int, int],
    texts: dict[str, str],
    output_format: OutputFormat = "png",
    quality: int | None = None,
    *,
    scale: bool = False,
) -> Picture:
    """Return a JPEG, PNG or WebP of `size` pixels, checked and encoded as `output_format` with `texts` inside.

    `quality`: from 0 to 100, of a JPEG or WebP; the format's usual one if None. With `scale` it may be larger: it is
    scaled down and cropped evenly at two sides. A PNG has the texts as UTF-8 chunks, the others as a JSON object in
    EXIF's ImageDescription. Raises BadPicture if the data is no such picture.
    """
    image = _decode(data, size, scale)
    file = _png(image, texts) if output_format == "png" else _with_exif(image, texts, output_format, quality)
    return Picture(file, image.width, image.height, hashlib.sha256(file).hexdigest(), output_format)


def _png(image: Image.Image, texts: dict[str, str]) -> bytes:
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_itxt(keyword, text)
    out = io.BytesIO()
    # Run-length matching at level 1 takes 27 ms for a 768x768 photograph and with zlib's default strategy 36,
    # and the file is a tenth smaller; level 6 takes 93.
    image.save(out, "PNG", compress_level=1, compress_type=zlib.Z_RLE, pnginfo=info)
    return out.getvalue()


def _with_exif(image: Image.Image, texts: dict[str, str], output_format: OutputFormat, quality: int | None) -> bytes:
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = json.dumps(texts)  # the field takes ASCII alone, in which JSON can write every text
    out = io.BytesIO()
    if output_format == "jpeg":
        image.save(out, "JPEG", quality=JPEG_QUALITY if quality is None else quality, exif=exif)
    else:
        chosen = WEBP_QUALITY if quality is None else quality
        image.save(out, "WEBP", quality=chosen, method=WEBP_METHOD, exif=exif)
    return out.getvalue()


def _decode(data: bytes, size: tuple[int, int], scale: bool) -> Image.Image:
    if not data:
        raise BadPicture("empty", "The picture is empty.")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadPicture("too_large", f"The picture claims {image.width} by {image.height} pixels.")
            # Before anything is decoded: a larger picture could exhaust the memory.
            if image.size != size and not (scale and image.width >= size[0] and image.height >= size[1]):
                found, expected = f"{image.width} by {image.height}", f"{size[0]} by {size[1]}"
                raise BadPicture("wrong_size", f"The picture has {found} pixels where {expected} were asked for.")
            if scale:
                image.draft("RGB", size)  # a JPEG is decoded no larger than needed
            image.load()  # of an animation the first frame
            decoded = image if image.mode == "RGB" else image.convert("RGB")  # which would copy an RGB one too
            return decoded if decoded.size == size else ImageOps.fit(decoded, size, Image.Resampling.LANCZOS)
    except Image.DecompressionBombError:
        raise BadPicture("too_large", "The picture claims far more pixels than any that is made here.") from None
    except UnidentifiedImageError:
        raise BadPicture("unreadable", "The picture is no JPEG, PNG or WebP file.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadPicture("broken", "The picture is broken or cut off.") from error
