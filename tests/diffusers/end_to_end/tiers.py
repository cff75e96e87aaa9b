"""Requests to the API tier, and what comes back."""

import base64
import io

import requests
from PIL import Image

TOKEN = "a-token-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


def post(front: str, path: str, headers: dict | None = None, **fields: object) -> requests.Response:
    return requests.post(front + path, json=fields, headers=headers, timeout=60)


def refused(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["error"]


def decoded(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def photo(size: tuple[int, int] = (96, 64)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(file, "PNG")
    return file.getvalue()


def listed(front: str, headers: dict | None = None) -> dict[str, dict]:
    data = requests.get(f"{front}/api/v1/models", headers=headers, timeout=9).json()["data"]
    return {it["id"]: it for it in data}
