"""Contact sheets: several pictures as one, each above its caption. Pillow is imported on first use."""

import io
from typing import TYPE_CHECKING

from image_api.picture_formats import BROKEN, SOURCES, over_white

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

MAX_PIXELS = 4096 * 4096
LONG_SIDE = 768  # of a cell, in pixels, at most
SHORT_SIDE = 128  # of a cell, at least: there is room for a caption below the smallest picture
GAP_PART, CAPTION_PART = 24, 26  # of a cell's long side: the gap between cells, and the height of letters
CAPTION_ROOM = 9  # times the height of letters: "seed 2147483647" is 8 times as wide
MIN_GAP, MIN_LETTERS = 8, 12
PAPER, BLANK, EDGE, INK = "#f6f4f0", "#e9e6df", "#d5d1c8", "#4a4741"
PARAMETERS = {"PNG": {"compress_level": 3}, "JPEG": {"quality": 90}, "WEBP": {"quality": 85, "method": 2}}


class UnreadablePicture(Exception):
    """Raised if a file is no picture that can be shown."""


class ContactSheet:
    """The cells of a sheet, from left to right and from top to bottom."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._cells: list[tuple[Image.Image | str, str]] = []

    def add(self, data: bytes, caption: str) -> None:
        """Add the picture in a file, scaled down. Raises UnreadablePicture if it is none."""
        self._cells.append((_small(data), caption))

    def add_blank(self, reason: str, caption: str) -> None:
        """Add a cell without a picture, that says why."""
        self._cells.append((reason, caption))

    def encoded(self, media_type: str) -> bytes:
        """Return the sheet as a PNG, JPEG or WebP file."""
        out = io.BytesIO()
        kind = media_type.removeprefix("image/").upper()
        self._drawn().save(out, kind, **PARAMETERS[kind])
        return out.getvalue()

    def _drawn(self) -> "Image.Image":
        from PIL import Image, ImageDraw

        pictures = [it for it, _ in self._cells if not isinstance(it, str)]
        width = max((it.width for it in pictures), default=0)
        height = max((it.height for it in pictures), default=0)
        captioned = any(caption for _, caption in self._cells)
        cell = _Cell(max(width, SHORT_SIDE), max(height, SHORT_SIDE), captioned=captioned)
        rows = -(-len(self._cells) // self._columns)
        size = (cell.gap + self._columns * cell.step[0], cell.gap + rows * cell.step[1])
        sheet = Image.new("RGB", size, PAPER)
        for index, (content, caption) in enumerate(self._cells):
            row, column = divmod(index, self._columns)
            corner = (cell.gap + column * cell.step[0], cell.gap + row * cell.step[1])
            cell.draw(sheet, ImageDraw.Draw(sheet), corner, content, caption)
        return sheet


class _Cell:
    """The measures of all cells of a sheet."""

    def __init__(self, width: int, height: int, *, captioned: bool) -> None:
        from PIL import ImageFont

        self.width, self.height = width, height
        long_side = max(width, height)
        self.gap = max(long_side // GAP_PART, MIN_GAP)
        self.letters = max(min(long_side // CAPTION_PART, width // CAPTION_ROOM), MIN_LETTERS)
        self.font = ImageFont.load_default(self.letters)
        self.step = (width + self.gap, height + self.gap + (2 * self.letters if captioned else 0))

    def draw(
        self,
        sheet: "Image.Image",
        pen: "ImageDraw.ImageDraw",
        corner: tuple[int, int],
        content: "Image.Image | str",
        caption: str,
    ) -> None:
        """Draw one cell, whose upper left corner is given, and the caption right below what it shows."""
        left, top = corner
        middle, bottom = left + self.width // 2, top + self.height
        if isinstance(content, str):
            box = (left, top, left + self.width - 1, top + self.height - 1)
            pen.rectangle(box, BLANK, EDGE)
            text = _wrapped(content, self.font, self.width - self.gap, self.height // (2 * self.letters))
            pen.multiline_text(
                (middle, top + self.height // 2), text, INK, self.font, "mm", self.letters // 2, "center"
            )
        else:
            above = top + (self.height - content.height) // 2
            sheet.paste(content, (left + (self.width - content.width) // 2, above))
            bottom = above + content.height
        pen.text((middle, bottom + self.letters), caption, INK, self.font, "mm")


def _small(data: bytes) -> "Image.Image":
    """Return the picture in a file for a cell, what is transparent being the paper."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=SOURCES) as image:
            if image.width * image.height > MAX_PIXELS:  # before anything is decoded
                raise UnreadablePicture(f"The picture has {image.width}x{image.height} pixels.")
            image.thumbnail((LONG_SIDE, LONG_SIDE), reducing_gap=2.0)
            return over_white(image.convert("RGBA") if image.has_transparency_data else image)
    except (*BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePicture("The picture cannot be decoded.") from error


def _wrapped(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int, lines: int) -> str:
    """Return a text in lines of that many pixels, cut after so many lines."""
    found = [""]
    for word in text.split():
        longer = f"{found[-1]} {word}".strip()
        if font.getlength(longer) <= width or not found[-1]:
            found[-1] = longer
        else:
            found.append(word)
    cut = found[:lines]
    return "\n".join(cut) + ("…" if len(found) > len(cut) else "")
