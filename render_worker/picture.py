"""A finished file, as storages keep it: all that a start needs of pictures, without Pillow."""

from dataclasses import dataclass

from render_worker.contract import Recipe, StoredFormat

AUTO_FORMATS: tuple[StoredFormat, ...] = ("jpeg", "png")  # what `auto` may become
ENDINGS: dict[StoredFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True)
class Placeholder:
    """A picture's blurhash, and its dominant colour as #rrggbb; transparent parts are white."""

    blurhash: str
    dominant_color: str


@dataclass(frozen=True)
class Picture:
    """A finished file. Equal content has equal bytes, and so an equal name."""

    data: bytes
    width: int
    height: int
    sha256: str
    output_format: StoredFormat = "png"
    placeholder: Placeholder | None = None
    cheap: bool = False
    """Whether making it again costs nothing, so that a full storage evicts it first."""
    recipe: Recipe | None = None
    """By which it is made again if a storage loses it; None if that is not known."""
    client: str | None = None
    """The id of the client that it was made for, so that a full storage is shared fairly; None if it is not known."""

    @property
    def name(self) -> str:
        """Return the file name: the content's SHA-256 and the format's ending."""
        return self.sha256 + ENDINGS[self.output_format]

    @property
    def content_type(self) -> str:
        """Return the file's media type."""
        return f"image/{self.output_format}"
