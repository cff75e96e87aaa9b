"""The sandbox's pictures: the procedural painter's, as JPEG, with a small mark that says what they are.

A picture can be handed out spoiled: `404`, `empty`, `cut`, `wrong_size`, `broken_off`, `not_a_picture`
or `oversized`.
"""

import errno
import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from itertools import cycle

from flask import Response
from PIL import Image, ImageDraw, ImageFont

from render_worker.painter import paint

JPEG_QUALITY = 85
MARK = "simulated"
MARK_PIXELS = 14
MARGIN_PIXELS = 6
KEPT_PICTURES = 64
OVERSIZED_BYTES = 40 * 1024 * 1024
BEFOREHAND = ("sunset over mountains", "a lighthouse at night", "a fox in the snow", "a street in the rain")
MAX_RANDOM_SEED = 2**31 - 1


class Pictures:
    """Pictures that were made and not yet forgotten. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._beforehand: dict[tuple[int, int], Iterator[bytes]] = {}

    def beforehand(self, size: tuple[int, int]) -> bytes:
        """One of a few JPEGs of that width and height, painted at the first request for that size."""
        with self._lock:
            if size not in self._beforehand:
                self._beforehand[size] = cycle([jpeg(prompt, "", 1, 7.0, size) for prompt in BEFOREHAND])
            return next(self._beforehand[size])

    def keep(self, picture: bytes) -> str:
        """Keep a picture and return its id, 64 hexadecimal digits."""
        picture_id = secrets.token_hex(32)
        with self._lock:
            self._pictures[picture_id] = picture
            while len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return picture_id

    def find(self, picture_id: str) -> bytes | None:
        """A kept picture."""
        with self._lock:
            return self._pictures.get(picture_id)


def chosen_seed(seed: int) -> int:
    """The seed itself, or a random one for -1."""
    return secrets.randbelow(MAX_RANDOM_SEED) if seed < 0 else seed


def jpeg(prompt: str, negative_prompt: str, seed: int, guidance_scale: float, size: tuple[int, int]) -> bytes:
    """A JPEG of that width and height in pixels."""
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
    """A picture as an answer, whole or spoiled."""
    if picture is None or how == "404":
        return Response("Not Found", 404, mimetype="text/plain")
    if how == "empty":
        return Response(b"", mimetype="image/jpeg")
    if how == "not_a_picture":
        return Response("this is no picture", mimetype="image/jpeg")
    if how == "wrong_size":
        return Response(_encoded(Image.new("RGB", (320, 200))), mimetype="image/jpeg")
    if how == "cut":
        return Response(picture[: len(picture) // 2], mimetype="image/jpeg")
    if how == "broken_off":
        half = _until(picture, len(picture) // 2)
        return Response(half, headers={"Content-Length": str(len(picture))}, mimetype="image/jpeg")
    if how == "oversized":
        return Response(b"\xff\xd8\xff" + bytes(OVERSIZED_BYTES), mimetype="image/jpeg")
    return Response(picture, mimetype="image/jpeg")


def _until(picture: bytes, end: int) -> Iterator[bytes]:
    yield picture[:end]
    raise BrokenPipeError(errno.EPIPE, "played")  # makes the server close the connection


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
