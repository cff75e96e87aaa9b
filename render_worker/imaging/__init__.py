"""From an engine's file to the one that is stored: decoded, sized by its plan, and encoded with its recipe.

Import from the package itself, never from its modules.
"""

import hashlib

from render_worker.contract import OutputFormat
from render_worker.imaging.decoding import decode
from render_worker.imaging.encoding import encode
from render_worker.imaging.picture import AUTO_FORMATS, ENDINGS, Picture
from render_worker.sizes import SizePlan

__all__ = ["AUTO_FORMATS", "ENDINGS", "Picture", "to_picture"]


def to_picture(
    data: bytes,
    plan: SizePlan,
    texts: dict[str, str],
    output_format: OutputFormat = "png",
    quality: int | None = None,
    *,
    size_required: bool = False,
) -> Picture:
    """Return a JPEG, PNG or WebP, checked, sized by the plan and encoded as `output_format` with `texts` inside.

    `quality`: from 0 to 100, of a JPEG or WebP; the format's usual one if None. A PNG has the texts as UTF-8 chunks,
    the others as a JSON object in EXIF's ImageDescription. A picture of which the plan's exact size cannot be made is
    returned as it is, unless `size_required`. Raises BadPicture then, and if the data is no such picture.
    """
    decoded = decode(data, plan, size_required)
    image = decoded.image
    if output_format == "auto":
        output_format = "jpeg" if decoded.source_format == "JPEG" else "png"
    file = encode(image, texts, output_format, quality)
    return Picture(file, image.width, image.height, hashlib.sha256(file).hexdigest(), output_format)
