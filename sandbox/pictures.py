"""The sandbox's pictures: the procedural painter's, as JPEG, with a small mark that says what they are.

A picture can be spoiled (`Spoiled`): a `bomb` is few bytes that claim 400 million pixels, `large` has 16 million,
`compressed` is few bytes that become 400 MiB, a `drip` comes slowly, and `error_drip` is an error that does.
"""

import errno
import gzip
import io
import secrets
import struct
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Literal, get_args

from flask import Response
from PIL import ExifTags, Image, ImageDraw, ImageFont

from render_worker.engines.sketch.painter import paint
from sandbox.replies import reset
from sandbox.state import memory, state

JPEG_QUALITY = 85
MARK = "simulated"
MARK_PIXELS = 14
MARGIN_PIXELS = 6
MAX_PICTURES = 64
OVERSIZED_BYTES = 40 * 1024 * 1024
BOMB_PIXELS = 20_000
LARGE_PIXELS = 4000
DRIP_BYTES = 64
DRIP_SECONDS = 0.05
BEFOREHAND = ("sunset over mountains", "a lighthouse at night", "a fox in the snow", "a street in the rain")
MAX_RANDOM_SEED = 2**31 - 1

Spoiled = Literal[
    "404",
    "empty",
    "cut",
    "broken_off",
    "reset",
    "wrong_size",
    "not_a_picture",
    "oversized",
    "bomb",
    "large",
    "compressed",
    "animated",
    "turned",
    "drip",
    "error_drip",
]
SPOILED: tuple[str, ...] = get_args(Spoiled)
SPOILED_BY_CHANCE = ("404", "empty", "cut", "broken_off", "reset", "wrong_size", "not_a_picture", "bomb")


class Pictures:
    """The latest pictures, by id. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._beforehand: dict[tuple[int, int], Iterator[bytes]] = {}

    def beforehand(self, size: tuple[int, int]) -> bytes:
        """Return one of a few JPEGs of that width and height, painted at the first requests for that size."""
        with self._lock:
            if size not in self._beforehand:
                self._beforehand[size] = _in_turns(size)
            return next(self._beforehand[size])

    def keep(self, picture: bytes) -> str:
        """Keep a picture and return its id, 64 hexadecimal digits."""
        picture_id = secrets.token_hex(32)
        with self._lock:
            self._pictures[picture_id] = picture
            while len(self._pictures) > MAX_PICTURES:
                self._pictures.popitem(last=False)
        return picture_id

    def forget(self, picture_id: str) -> None:
        """Delete a picture."""
        with self._lock:
            self._pictures.pop(picture_id, None)

    def find(self, picture_id: str) -> bytes | None:
        """Return a picture; returns None if it is not kept."""
        with self._lock:
            return self._pictures.get(picture_id)


def _in_turns(size: tuple[int, int]) -> Iterator[bytes]:
    painted: list[bytes] = []
    for prompt in BEFOREHAND:
        painted.append(jpeg(prompt, "", 1, 7.0, size))
        yield painted[-1]
    yield from cycle(painted)


def pictures() -> Pictures:
    """Return the running sandbox's pictures."""
    return memory(Pictures)


def painted(prompt: str, negative_prompt: str, seed: int, guidance_scale: float, size: tuple[int, int]) -> bytes:
    """Return the JPEG of a recipe; returns one painted beforehand if the scenario says so, which takes no time."""
    if state().scenario.painted == "beforehand":
        return pictures().beforehand(size)
    return jpeg(prompt, negative_prompt, seed, guidance_scale, size)


def chosen_seed(seed: int) -> int:
    """Return the seed itself, or a random one for -1."""
    return secrets.randbelow(MAX_RANDOM_SEED) if seed < 0 else seed


def jpeg(prompt: str, negative_prompt: str, seed: int, guidance_scale: float, size: tuple[int, int]) -> bytes:
    """Return a JPEG of that width and height in pixels."""
    width, height = size
    image = paint(
        prompt,
        negative_prompt=negative_prompt or None,
        seed=seed,
        guidance_scale=guidance_scale,
        width=width,
        height=height,
    )
    _mark(image)
    return _encoded(image)


def handed_out(picture: bytes | None, how: str) -> Response:
    """Return a response with a picture, whole or spoiled; 404 if there is none."""
    if picture is None or how == "404":
        return Response("Not Found", 404, mimetype="text/plain")
    if how == "reset":
        return reset()
    if how == "broken_off":
        half = _until(picture, len(picture) // 2)
        return Response(half, headers={"Content-Length": str(len(picture))}, mimetype="image/jpeg")
    if how == "error_drip":
        return Response(_slowly(bytes(len(picture))), 500, {"Content-Length": str(len(picture))}, mimetype="text/html")
    if how == "compressed":
        return Response(_compressed(), headers={"Content-Encoding": "gzip, gzip"}, mimetype="image/jpeg")
    if how == "drip":
        return Response(_slowly(picture), headers={"Content-Length": str(len(picture))}, mimetype="image/jpeg")
    return Response(_spoiled(picture, how), mimetype=_media_type(picture))


def as_format(picture: bytes, kind: str) -> bytes:
    """Return the picture of a JPEG as a file of another kind, such as png or webp."""
    name = Image.registered_extensions().get(f".{kind}", "JPEG")
    if name == "JPEG":
        return picture
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(out, name)
    return out.getvalue()


def _media_type(picture: bytes) -> str:
    kinds = {b"\x89PNG": "image/png", b"RIFF": "image/webp"}
    return kinds.get(picture[:4], "image/jpeg")


def _spoiled(picture: bytes, how: str) -> bytes:
    spoilers: dict[str, Callable[[], bytes]] = {
        "empty": lambda: b"",
        "cut": lambda: picture[: len(picture) // 2],
        "not_a_picture": lambda: b"this is no picture",
        "wrong_size": lambda: _encoded(Image.new("RGB", (320, 200))),
        "oversized": lambda: b"\xff\xd8\xff" + bytes(OVERSIZED_BYTES),
        "bomb": _bomb,
        "large": lambda: _encoded(Image.new("RGB", (LARGE_PIXELS, LARGE_PIXELS))),
        "animated": lambda: _animated(picture),
        "turned": lambda: _turned(picture),
    }
    return spoilers[how]() if how in spoilers else picture


def _bomb() -> bytes:
    header = struct.pack(">IIBBBBB", BOMB_PIXELS, BOMB_PIXELS, 1, 0, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(bytes(BOMB_PIXELS // 8)), b"IEND")
    parts = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _compressed() -> bytes:
    return gzip.compress(gzip.compress(bytes(10 * OVERSIZED_BYTES), 1))


def _animated(picture: bytes) -> bytes:
    frames = [Image.open(io.BytesIO(picture)), Image.open(io.BytesIO(picture)).rotate(180)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def _turned(picture: bytes) -> bytes:
    """Return the picture on its side, with the orientation in EXIF by which it is shown upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def _slowly(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), DRIP_BYTES):
        time.sleep(DRIP_SECONDS)
        yield data[start : start + DRIP_BYTES]


def _until(picture: bytes, end: int) -> Iterator[bytes]:
    yield picture[:end]
    raise BrokenPipeError(errno.EPIPE, "played")  # gunicorn then closes the connection


def _encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _mark(image: Image.Image) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    corner = (image.width - MARGIN_PIXELS, image.height - MARGIN_PIXELS)
    font = ImageFont.load_default(MARK_PIXELS)
    box = draw.textbbox(corner, MARK, font=font, anchor="rb")
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill=(0, 0, 0, 110))
    draw.text(corner, MARK, font=font, anchor="rb", fill=(255, 255, 255, 220))
