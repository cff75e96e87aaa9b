"""Pollinations' door without an account, with each thing that it has answered since December 2025.

    GET /pollinations/prompt/<prompt>?width=&height=&seed=    a JPEG of at most 768x768 pixels in all

By https://github.com/pollinations/pollinations: its issues 7207, 8463, 8841, 9873, 11603, 11877 and 13102 and the code
of image.pollinations.ai/src. One picture at a time for an address; a second one meets the queue's refusal, as does the
next after a client that hung up, until the picture would have been done. Five refused prompts shut the address out.

Unverified: what it answers today, the words of its refusals, the code of an address that is shut out and for how long,
whether a picture goes on when its client hangs up, and what becomes of a negative prompt.
"""

import base64
import io
import json
import math
import threading
import time
from urllib.parse import unquote

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from PIL import ExifTags, Image, ImageDraw
from pydantic import Field
from werkzeug.routing import BaseConverter

from sandbox.clients import wait_connected
from sandbox.pictures import SPOILED, handed_out, painted
from sandbox.pollinations_refusals import DEMANDS, REFUSALS, content_refused, demand, refused, shut_out
from sandbox.replies import client_gone, hang, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import memory, state

DEFAULT_SEED = "42"
MAX_PIXELS = 768 * 768
STEP = 8  # of a side that was scaled down
REFUSED_PROMPTS = 5
# 200 with a prepared picture: until January 2026, and from August on with a QR code
PLACEHOLDERS = {"placeholder": (1040, 1024), "placeholder_qr": (1024, 1024)}
FAULTS = Faults(
    (
        *(*DEMANDS, *REFUSALS, *PLACEHOLDERS, *SPOILED, "hang"),
        "one_free",  # the first picture is given, and payment is wanted for the next ones
        "same_bytes",  # a placeholder of the size that was asked for
        "scaled_down",  # to 512x512 pixels in all
        "content_refused",
    )
)


class _WholeConverter(BaseConverter):
    """Matches whatever it is, slashes included: the prompt is one part of the address, however it is decoded."""

    regex = "(?s:.*)"
    part_isolating = False


class _Visits:
    """What the service remembers of an address."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pictures = 0
        self.refused = 0
        self.busy_until = 0.0


pollinations = Blueprint("pollinations", __name__, url_prefix="/pollinations")


@pollinations.record_once
def _register(setup: BlueprintSetupState) -> None:
    setup.app.url_map.converters["whole"] = _WholeConverter


class PollinationsScenario(Scenario):
    """What the stand-in plays."""

    pollinations: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"POLLINATIONS_URL": f"{addresses.site}/pollinations"}


def _forget() -> None:
    visits = memory(_Visits)
    visits.pictures = visits.refused = 0
    visits.busy_until = 0.0


STAND_IN = StandIn(
    name="pollinations",
    scenario=PollinationsScenario,
    faults={"pollinations": FAULTS},
    blueprints=(pollinations,),
    environment=_environment,
    reset=_forget,
)


@pollinations.get("/prompt/<whole:_>", merge_slashes=False)
def prompt(_: str) -> Response:
    """Return a picture, or what the service has answered in place of one."""
    board, visits = state(), memory(_Visits)
    raw, _, _ = str(request.environ["RAW_URI"]).partition("?")
    text = unquote(raw.removeprefix("/pollinations/prompt/"))
    with board.logged("pollinations", {"raw": raw, "prompt": text, "query": request.args.to_dict()}) as entry:
        entry.played = board.draw("pollinations")
        if visits.refused >= REFUSED_PROMPTS:
            return shut_out()
        if entry.played == "content_refused":
            visits.refused += 1
            return content_refused(text)
        if entry.played == "hang":
            return hang(entry)
        if entry.played in REFUSALS:
            return refused(entry.played)
        if entry.played in DEMANDS or (entry.played == "one_free" and visits.pictures):
            return demand(entry.played if entry.played in DEMANDS else "x402_v2")
        if not _taken(visits, board.scenario.delay):
            return demand("x402_v1")
        if not wait_connected(entry, board.scenario.delay):
            return client_gone()
        visits.pictures += 1
        return _handed_out(text, entry.played)


def _taken(visits: _Visits, seconds: float) -> bool:
    """Take the address's one place until the picture is done; return whether it was free."""
    with visits.lock:
        free = time.monotonic() >= visits.busy_until
        if free:
            visits.busy_until = time.monotonic() + seconds
        return free


def _handed_out(text: str, played: str) -> Response:
    if played == "reset":
        return reset()
    if played in PLACEHOLDERS:
        return _picture(_plain(PLACEHOLDERS[played]))
    size = (_side("width"), _side("height"))
    if played == "same_bytes":
        return _picture(_plain(size))
    size = _scaled_down(size, MAX_PIXELS if played != "scaled_down" else 512 * 512)
    seed = request.args.get("seed") or DEFAULT_SEED
    data = _with_logo(painted(text, "", int(seed), 7.0, size), {"prompt": text, "seed": seed})
    reply = handed_out(data, played)
    if played not in SPOILED:
        reply.headers.update({"X-Cache": "MISS", "Cache-Control": "public, max-age=31536000, immutable"})
    return reply


def _side(name: str) -> int:
    text = request.args.get(name, "1024")
    return int(text) if text.isdecimal() and int(text) else 1024


def _scaled_down(size: tuple[int, int], most: int) -> tuple[int, int]:
    width, height = size
    if width * height <= most:
        return size
    scale = math.sqrt(most / (width * height))
    return int(width * scale) // STEP * STEP, int(height * scale) // STEP * STEP


def _picture(data: bytes) -> Response:
    return Response(data, mimetype="image/jpeg")


def _plain(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, "JPEG")
    return out.getvalue()


def _with_logo(jpeg: bytes, parameters: dict[str, str]) -> bytes:
    """Return the picture with a logo, and with the parameters in EXIF as it writes them."""
    image = Image.open(io.BytesIO(jpeg))
    ImageDraw.Draw(image).ellipse((8, 8, 40, 40), outline="white", width=3)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "dreamshaper"
    exif[ExifTags.Base.UserComment] = json.dumps(parameters)
    # So that no two are alike, which a placeholder would be.
    exif[ExifTags.Base.ImageUniqueID] = base64.b64encode(f"{time.time_ns()}".encode()).decode()
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()
