"""A recipe's texts, as a file's metadata carry them."""

import json
from collections.abc import Mapping

from PIL import Image

IMAGE_DESCRIPTION = 0x010E  # the field of EXIF that every viewer shows

Texts = Mapping[str, str | None]
"""By keyword; None if the file must have none, not even an engine's own one."""


def known(texts: Texts) -> dict[str, str]:
    """Return the texts that there are."""
    return {keyword: text for keyword, text in texts.items() if text is not None}


def description(texts: Texts) -> str:
    """Return the texts as EXIF's ImageDescription: JSON, which writes every text in ASCII, all that the field takes."""
    return json.dumps(known(texts))


def exif(texts: Texts) -> Image.Exif:
    """Return an EXIF block with nothing but the texts."""
    block = Image.Exif()
    block[IMAGE_DESCRIPTION] = description(texts)
    return block
