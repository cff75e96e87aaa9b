"""Where the pictures of Perchance's internal API are to be had, as clients and captures of 2026 show it.

    GET /api/downloadTemporaryImage?imageId=…        the older way: as often as one likes
    GET /api/downloadTemporaryImageViaProxy?t=v1.…   single use, for the address that asked for the picture, for minutes

Which of them the reply to `generate` names is the scenario's `announces`. Unverified: what else than 403 the newer way
answers, whether its headers are always there, and whether `imageDataUrls` comes with an `imageId`. Part of the stand-in
in `sandbox/perchance.py`.
"""

import base64
import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote

from flask import Blueprint, Response, request
from pydantic import Field

from sandbox.clients import client_address
from sandbox.pictures import MAX_PICTURES, OVERSIZED_BYTES, SPOILED, SPOILED_BY_CHANCE, Spoiled, handed_out, pictures
from sandbox.replies import challenge, hang
from sandbox.scenario import Scenario
from sandbox.stand_in import Faults
from sandbox.state import memory, state
from sandbox.upload_host import NOWHERE

LINK_PATH = "/api/downloadTemporaryImageViaProxy"
Announces = Literal[
    "id",
    "link",  # and an id, as in most captures of autumn 2026
    "link_alone",
    "link_elsewhere",  # with an id; the link is on a host from which no client may fetch
    "link_sideways",  # the same, as an address without a scheme
    "data",  # the picture within the reply, and no id
    "data_broken",  # with an id; it is no base64
    "data_endless",
]
DOWNLOAD_FAULTS = Faults(("challenge", "hang", *SPOILED), by_chance=SPOILED_BY_CHANCE)
LINK_FAULTS = Faults(("challenge", "hang", "refused", "redirect", *SPOILED), by_chance=("refused", *SPOILED_BY_CHANCE))

temporary_pictures = Blueprint("temporary_pictures", __name__, url_prefix="/api")


class TemporaryPictureScenario(Scenario):
    """How pictures are announced and handed out."""

    announces: Announces = Field("id", description="How the reply to generate names its picture.")
    download: Literal["ok", "challenge", "hang"] | Spoiled = "ok"
    link: Literal["ok", "challenge", "hang", "refused", "redirect"] | Spoiled = "ok"
    link_seconds: float = Field(300.0, gt=0, description="Life of a single-use link.")


@dataclass(frozen=True)
class _Link:
    picture: bytes
    address: str
    ends: float


class Links:
    """The links that were not used yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: OrderedDict[str, _Link] = OrderedDict()

    def make(self, picture: bytes, address: str, seconds: float) -> str:
        """Return the token of a new link, as long as those that were seen."""
        token = f"v1.{secrets.token_urlsafe(12)}.{secrets.token_urlsafe(222)}"
        with self._lock:
            self._links[token] = _Link(picture, address, time.monotonic() + seconds)
            while len(self._links) > MAX_PICTURES:
                self._links.popitem(last=False)
        return token

    def use(self, token: str, address: str) -> bytes | None:
        """Return the picture once; None if the link was used, has expired, or is another address's."""
        with self._lock:
            link = self._links.get(token)
            if link is None or link.address != address:
                return None
            del self._links[token]
            return link.picture if time.monotonic() < link.ends else None


def announcement(picture: bytes) -> dict[str, object]:
    """Return the part of the reply to `generate` that says where the picture is."""
    scenario = state().fields(TemporaryPictureScenario)
    match scenario.announces:
        case "id":
            return _with_id(picture)
        case "link_elsewhere":
            return _with_id(picture) | {"imageDownloadUrl": f"{NOWHERE}{LINK_PATH}?t=v1.a.b"}
        case "link_sideways":
            return _with_id(picture) | {"imageDownloadUrl": f"//{NOWHERE.split('//')[1]}{LINK_PATH}?t=v1.a.b"}
        case "data":
            return {"imageDataUrls": [f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"]}
        case "data_broken":
            return _with_id(picture) | {"imageDataUrls": ["data:image/jpeg;base64,%%%", None, 7]}
        case "data_endless":
            return {"imageDataUrls": ["data:image/jpeg;base64," + "A" * OVERSIZED_BYTES]}
    token = memory(Links).make(picture, client_address(), scenario.link_seconds)
    link: dict[str, object] = {"imageDownloadUrl": f"{LINK_PATH}?t={quote(token)}"}
    return link if scenario.announces == "link_alone" else _with_id(picture) | link


@temporary_pictures.get("/downloadTemporaryImage")
def download() -> Response:
    """Return a picture that was made before."""
    board = state()
    with board.logged("download") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.draw("download")
        if entry.played == "challenge":
            return challenge()
        if entry.played == "hang":
            return hang(entry)
        return handed_out(pictures().find(request.args.get("imageId", "")), entry.played)


@temporary_pictures.get("/downloadTemporaryImageViaProxy")
def download_by_link() -> Response:
    """Return the picture of a link that was not used yet, and end the link."""
    board = state()
    with board.logged("link") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.draw("link")
        if entry.played == "challenge":
            return challenge()
        if entry.played == "redirect":
            return Response(status=302, headers={"Location": f"{NOWHERE}/"})
        picture = memory(Links).use(request.args.get("t", ""), client_address())
        if entry.played == "hang":
            return hang(entry)
        if picture is None or entry.played == "refused":
            entry.played = "refused"
            return Response('{"error":"invalid_token"}', 403, mimetype="application/json")
        return _as_proxied(handed_out(picture, entry.played), picture)


def _with_id(picture: bytes) -> dict[str, object]:
    return {"imageId": pictures().keep(picture), "fileExtension": "jpeg"}


def _as_proxied(reply: Response, picture: bytes) -> Response:
    """Return the response with the headers that were seen."""
    reply.headers["X-Perchance-Proxy-Backend"] = "sandbox"
    reply.headers["X-Image-Sha256"] = hashlib.sha256(picture).hexdigest()
    reply.headers["X-Expires-At"] = (datetime.now(UTC) + timedelta(minutes=5)).isoformat(timespec="seconds")
    reply.headers["Cache-Control"] = "no-store,max-age=0"
    return reply
