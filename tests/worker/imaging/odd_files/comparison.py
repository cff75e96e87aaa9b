"""What becomes of the odd files, compared with what Chromium shows of the same files on a white page."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from tests.fakes.playwright_browser import chromium

from . import ODD_FILES
from .scene import scene

CELL = 100  # pixels of the page for each picture
COLUMNS = 24
ALIKE = {"png": 1.0, "jpeg": 6.0, "webp": 6.0}  # of 255, on average: the lossy ones lose 4 of these strong colours
FORMATS = tuple(ALIKE)

Convert = Callable[[bytes, str], bytes]
"""From an engine's file and the wanted format to the stored file. Raises what it raises."""


@dataclass(frozen=True)
class Purpose:
    """A difference from Chromium that is wanted."""

    reason: str
    wanted: Callable[[Image.Image | None], Image.Image]
    """From what Chromium shows to what shall be shown."""


def _turned(turn: Image.Transpose) -> Callable[[Image.Image | None], Image.Image]:
    return lambda shown: shown.transpose(turn) if shown else scene()


ON_PURPOSE = {
    "WebP: orientation 6": Purpose("Chromium ignores EXIF in WebP", _turned(Image.Transpose.ROTATE_270)),
    "WebP: orientation 3, alpha": Purpose("Chromium ignores EXIF in WebP", _turned(Image.Transpose.ROTATE_180)),
    "PNG: cICP of PQ": Purpose("light above white is read as sRGB", lambda _: scene()),
    "PNG: animated, frames in the wrong order": Purpose("Chromium shows nothing, this the still", lambda _: scene()),
}


def outcomes(convert: Convert) -> dict[str, list[str]]:
    """Return what becomes of each file in each format, in words: `right`, or what is wrong."""
    files = {name: make() for name, make in ODD_FILES.items()}
    made = {(name, kind): _attempt(convert, file, kind) for name, file in files.items() for kind in FORMATS}
    stored = {key: file for key, file in made.items() if isinstance(file, bytes)}
    shown = dict(zip([*files, *stored], screenshots([*files.values(), *stored.values()]), strict=True))
    return {
        name: [_verdict(name, kind, made[name, kind], shown.get((name, kind)), shown[name]) for kind in FORMATS]
        for name in files
    }


def screenshots(files: Sequence[bytes]) -> list[Image.Image | None]:
    """Return what Chromium shows of each file on a white page, in its own size; None if it shows nothing."""
    places = [(place % COLUMNS * CELL, place // COLUMNS * CELL) for place in range(len(files))]
    pictures = "".join(
        f'<img style="left:{x}px;top:{y}px" src="data:image/png;base64,{base64.b64encode(file).decode()}">'
        for (x, y), file in zip(places, files, strict=True)
    )
    with chromium() as browser:
        page = browser.new_page(viewport={"width": COLUMNS * CELL, "height": places[-1][1] + CELL})
        page.set_content(f"<style>body {{background: white}} img {{position: absolute}}</style>{pictures}")
        sizes = page.evaluate(
            "Promise.all([...document.images].map("
            "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight], () => null)))"
        )
        with Image.open(io.BytesIO(page.screenshot())) as image:
            sheet = image.convert("RGB")
    return [size and sheet.crop((x, y, x + size[0], y + size[1])) for (x, y), size in zip(places, sizes, strict=True)]


def _attempt(convert: Convert, file: bytes, kind: str) -> bytes | str:
    try:
        return convert(file, kind)
    except Exception as error:  # noqa: BLE001 - whatever it is, the table says so
        return f"refused as {error.code}" if hasattr(error, "code") else f"fails with {type(error).__name__}"


def _verdict(name: str, kind: str, made: bytes | str, shown: Image.Image | None, source: Image.Image | None) -> str:
    wanted = ON_PURPOSE[name].wanted(source) if name in ON_PURPOSE else source
    if isinstance(made, str):
        return made
    if shown is None or wanted is None:
        return "not shown by Chromium"
    if shown.size != wanted.size:
        return "{}×{}, not {}×{}".format(*shown.size, *wanted.size)
    off = sum(ImageStat.Stat(ImageChops.difference(shown, wanted)).mean) / 3
    return "right" if off < ALIKE[kind] else f"off by {off:.0f}"
