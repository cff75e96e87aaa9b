"""Uploads: forms of multipart/form-data with pictures, with what is none, and with parts that are broken."""

import random

from tests.api.pictures import JPEG, PNG, WEBP
from tests.fuzz.values import FIELDS, PROMPTS

BOUNDARY = "b0undary"
FILES = [PNG, JPEG, WEBP, PNG[:40], PNG + bytes(20_000), b"", b"GIF89a", b"<svg/>", b"\x00" * 5000, b"%PDF-1.7"]
FILE_NAMES = ["a.png", "", "../a.png", "a\x00.png", "ü.png", '"', "a" * 1000, "a;b=c"]
PARTS = ["image", "image", "image", "image[]", "image[0]", "images", "init_image", "mask", "prompt", "", "unknown"]
BROKEN_PARTS = [
    b"--b0undary\r\n\r\n\r\n",
    b"--b0undary\r\nContent-Disposition: form-data\r\n\r\na\r\n",
    b'--b0undary\r\nContent-Disposition: form-data; name="a\r\n\r\na\r\n',
    b'--b0undary\r\nContent-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n',
    b'--b0undary\r\nContent-Disposition: form-data; name="seed"\r\nContent-Type: a; charset=utf-16\r\n\r\na\r\n',
    b"--b0undary\r\nContent-Disposition: form-data; name*=utf-8''%ff\r\n\r\na\r\n",
    b"--b0undary\r\n" + b"X: y\r\n" * 500 + b"\r\na\r\n",
    b"--b0undary\r\nX: " + b"y" * 9000 + b"\r\n\r\na\r\n",
    b"--b0undary\n\n\n",
    b"b0undary",
    b"--b0undary--\r\n",
]


def form(chance: random.Random) -> bytes:
    """Return the body of a form, mostly with a prompt and a picture."""
    parts = [_text("prompt", chance.choice(PROMPTS))] if chance.random() < 0.9 else []
    parts += [_file(chance) for _ in range(chance.choice([1, 1, 1, 1, 0, 2]))]
    for _ in range(chance.choice([0, 0, 1, 2])):
        name = chance.choice(list(FIELDS))
        parts.append(_text(name, chance.choice(FIELDS[name])))
    if chance.random() < 0.15:
        parts.append(chance.choice(BROKEN_PARTS))
    chance.shuffle(parts)
    end = b"" if chance.random() < 0.05 else f"--{BOUNDARY}--\r\n".encode()
    return b"".join(parts) + end


def _text(name: str, text: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{text}\r\n".encode(errors="surrogatepass")


def _file(chance: random.Random) -> bytes:
    kind = chance.choice(["image/png", "image/jpeg", "image/gif", "text/plain", "x"])
    named = f'name="{chance.choice(PARTS)}"; filename="{chance.choice(FILE_NAMES)}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {named}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + chance.choice(FILES) + b"\r\n"
