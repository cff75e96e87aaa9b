"""Files that other programs may well write, made by script: what they say about themselves is odd in one way each."""

from collections.abc import Callable

from .jpegs import JPEGS
from .pngs import PNGS
from .webps import WEBPS

ODD_FILES: dict[str, Callable[[], bytes]] = {
    f"{kind}: {name}": make
    for kind, files in (("JPEG", JPEGS), ("PNG", PNGS), ("WebP", WEBPS))
    for name, make in files.items()
}
