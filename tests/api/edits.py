"""Requests with pictures, for tests of edits."""

import base64

import requests

from tests.api.pictures import PNG

DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
LARGE = PNG + bytes(20_000)  # longer than what is parsed with the rest of a JSON body
LARGE_URL = "data:image/png;base64," + base64.b64encode(LARGE).decode()


def form(base: str, *files: tuple, **texts: str) -> requests.Response:
    data = {"prompt": "a hat", **texts}
    return requests.post(base + "/v1/images/edits", data=data, files=list(files), timeout=9)


def document(base: str, **fields: object) -> requests.Response:
    return requests.post(base + "/v1/images/edits", json={"prompt": "a hat", **fields}, timeout=9)


MADE = (200, None, None)
"""In place of a refusal, of a request that was valid."""


def refusal(answer: requests.Response) -> tuple[int, str | None, str | None]:
    error = answer.json().get("error", {})
    return answer.status_code, error.get("code"), error.get("param")


def post(base: str, image: bytes | None = PNG, path: str = "/generate", **texts: object) -> requests.Response:
    """Send a form to /generate, or another path, with an image to begin with."""
    files = {"image": ("a", image)} if image is not None else {"other": ("", b"")}
    return requests.post(base + path, files=files, data={"prompt": "a tree", **texts}, timeout=9)


def refused(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["error"]
