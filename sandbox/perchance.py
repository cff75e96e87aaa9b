"""Perchance's internal image API as it was seen from outside in 2024 to 2026.

    GET  /api/verifyUser                      a key for the client's address
    POST /api/generate?userKey=…              one picture at a time for a key; the response announces it
    GET  /api/awaitExistingGenerationRequest  whether the key's other picture is being made

The responses are compact JSON: clients find the key by searching for the text `"userKey":"`. The HTTP status of the
refusals is unknown; 200 is played unless the scenario says otherwise. Any word that is no fault is played as `status`.
Unverified: whether awaitExistingGenerationRequest answers at once, as here, or when the other picture is made.
The stand-in has two more parts, the pictures (`sandbox/perchance_pictures.py`) and the site's own page
(`sandbox/perchance_page.py`).
"""

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from sandbox.clients import client_address, wait_connected
from sandbox.control import control
from sandbox.perchance_page import PAGE_FAULTS, RESOLUTIONS, PageScenario, page
from sandbox.perchance_pictures import (
    DOWNLOAD_FAULTS,
    LINK_FAULTS,
    TemporaryPictureScenario,
    announcement,
    temporary_pictures,
)
from sandbox.pictures import chosen_seed, painted
from sandbox.replies import challenge, client_gone, hang, html_reply, reset
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state

BLOCK_WINDOW_SECONDS = 60.0
DRIP_PAUSE_SECONDS = 0.3
VERIFY_FAULTS = Faults(
    ("challenge", "empty_500", "hang", "failed_verification", "something_new"),
    by_chance=("empty_500", "something_new"),
    takes_any=True,
)
GENERATE_FAULTS = Faults(
    (
        *("challenge", "html", "half_json", "reset", "drip", "hang"),
        *("gen_failure", "stale_request", "network_busy", "invalid_key", "waiting_for_prev_request_to_finish"),
    ),
    by_chance=("html", "half_json", "reset", "gen_failure", "stale_request", "network_busy", "invalid_key"),
    takes_any=True,
)
AWAIT_FAULTS = Faults(
    ("pending", "404", "html", "hang", "challenge", "invalid_key", "something_new"),
    by_chance=("404", "html", "pending"),
    takes_any=True,
)

site = Blueprint("perchance", __name__, url_prefix="/api")


class PerchanceScenario(PageScenario, TemporaryPictureScenario):
    """What all parts play."""

    verify: str = Field("ok", description='"ok", a fault or a status word')
    generate: str = Field("ok", description='"ok", a fault or a status word')
    await_previous: str = Field("ok", description='"ok", a fault or a status word')
    http_status: int = Field(200, ge=200, le=599, description="HTTP status of JSON refusals.")
    key_seconds: float = Field(3600.0, gt=0, description="Life of a key.")
    wall_after: int = Field(0, ge=0, description="Generations in a minute after which the site blocks; 0 is never.")
    flagged: bool = Field(False, description="Whether the site calls pictures not safe for work.")
    threads: int = Field(1, ge=1, description="Pictures at a time for one address.")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        "PERCHANCE_BASE_URL": f"{addresses.site}/api",
        "PERCHANCE_PAGE_URL": f"{addresses.site}/perchance-ai-api",
        "PERCHANCE_UPLOAD_ORIGINS": addresses.uploads,
    }


STAND_IN = StandIn(
    name="perchance",
    scenario=PerchanceScenario,
    faults={
        "verify": VERIFY_FAULTS,
        "generate": GENERATE_FAULTS,
        "await_previous": AWAIT_FAULTS,
        "download": DOWNLOAD_FAULTS,
        "link": LINK_FAULTS,
        "page": PAGE_FAULTS,
    },
    blueprints=(site, temporary_pictures, page),
    environment=_environment,
    reset=lambda: memory(Visitors).forget_visits(),
)


@dataclass
class _Visitor:
    """One address: its key, how many pictures are being made for it, and when it asked for some."""

    key: str = ""
    key_ends: float = 0.0
    making: int = 0
    visits: deque[float] = field(default_factory=deque)


class Visitors:
    """What the site remembers of each address. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visitors: dict[str, _Visitor] = {}

    def forget_visits(self) -> None:
        """Forget how often each address has asked."""
        with self._lock:
            for visitor in self._visitors.values():
                visitor.visits.clear()

    def expire_keys(self) -> None:
        """End the life of every key."""
        with self._lock:
            for visitor in self._visitors.values():
                visitor.key_ends = 0.0

    def key(self, address: str, seconds: float) -> str:
        """Return the address's key; a new one, valid for `seconds`, if the old one has expired."""
        with self._lock:
            visitor = self._visitors.setdefault(address, _Visitor())
            if time.monotonic() >= visitor.key_ends:
                visitor.key, visitor.key_ends = secrets.token_hex(32), time.monotonic() + seconds
            return visitor.key

    def enter(self, address: str, key: str, threads: int, block_after: int) -> str:
        """Begin a picture and return "ok", or return the word that refuses it."""
        with self._lock:
            visitor, now = self._visitors.get(address), time.monotonic()
            if visitor is None or key != visitor.key or now >= visitor.key_ends:
                return "invalid_key"
            if visitor.making >= threads:
                return "waiting_for_prev_request_to_finish"
            while visitor.visits and visitor.visits[0] < now - BLOCK_WINDOW_SECONDS:
                visitor.visits.popleft()
            if block_after and len(visitor.visits) >= block_after:
                return "challenge"
            visitor.visits.append(now)
            visitor.making += 1
            return "ok"

    def progress(self, address: str, key: str) -> str:
        """Return the word for whether a picture is being made for the key."""
        with self._lock:
            visitor = self._visitors.get(address)
            if visitor is None or key != visitor.key or time.monotonic() >= visitor.key_ends:
                return "invalid_key"
            return "pending" if visitor.making else "success"

    def leave(self, address: str) -> None:
        """End a picture, made or not."""
        with self._lock:
            self._visitors[address].making -= 1


@control.post("/expire")
def expire() -> Response:
    """Expire every key that was given."""
    memory(Visitors).expire_keys()
    return jsonify(state().scenario.model_dump())


@site.get("/verifyUser")
def verify_user() -> Response:
    """Return a key, or refuse to give one."""
    board = state()
    scenario = board.fields(PerchanceScenario)
    with board.logged("verifyUser") as entry:
        time.sleep(scenario.pause)
        entry.played = board.draw("verify")
        if entry.played == "ok":
            key = memory(Visitors).key(client_address(), scenario.key_seconds)
            return _compact({"status": "already_verified", "userKey": key})
        if entry.played == "failed_verification":
            return _compact({"status": "failed_verification", "reason": "token_required"}, scenario.http_status)
        return _refusal(entry)


@site.post("/generate")
def generate() -> Response:
    """Make a picture; responds when it is made."""
    board = state()
    body = json.loads(request.get_data())  # the site's own page sends JSON as text/plain
    with board.logged("generate", body) as entry:
        entry.played = board.draw("generate")
        if entry.played == "ok":
            entry.played = _enter() if body["resolution"] in RESOLUTIONS else "gen_failure"
        if entry.played != "ok":
            return _refusal(entry)
        try:
            with board.in_flight():
                return _made(entry, body)
        finally:
            memory(Visitors).leave(client_address())


@site.get("/awaitExistingGenerationRequest")
def await_existing() -> Response:
    """Return whether a picture is being made for the key."""
    board = state()
    with board.logged("await_previous") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.draw("await_previous")
        if entry.played == "404":
            return Response("Cannot GET /api/awaitExistingGenerationRequest", 404, mimetype="text/plain")
        if entry.played != "ok":
            return _refusal(entry)
        status = memory(Visitors).progress(client_address(), request.args.get("userKey", ""))
        return _compact({"status": status})


def _enter() -> str:
    scenario = state().fields(PerchanceScenario)
    key = request.args.get("userKey", "")
    return memory(Visitors).enter(client_address(), key, scenario.threads, scenario.wall_after)


def _made(entry: LoggedRequest, body: dict[str, object]) -> Response:
    seed = chosen_seed(int(str(body["seed"])))
    width, height = (int(side) for side in str(body["resolution"]).split("x"))
    prompt, negative_prompt = str(body["prompt"]), str(body["negativePrompt"])
    picture = painted(prompt, negative_prompt, seed, float(str(body["guidanceScale"])), (width, height))
    if not wait_connected(entry, state().scenario.delay):
        return client_gone()
    return _compact(
        {
            "status": "success",
            **announcement(picture),
            "seed": seed,
            "prompt": prompt,
            "width": width,
            "height": height,
            "guidanceScale": body["guidanceScale"],
            "negativePrompt": negative_prompt,
            "maybeNsfw": state().fields(PerchanceScenario).flagged,
        }
    )


def _refusal(entry: LoggedRequest) -> Response:
    if entry.played == "challenge":
        return challenge()
    if entry.played == "empty_500":
        return Response(status=500)
    if entry.played == "html":
        return html_reply("Bad gateway", 502)
    if entry.played == "hang":
        return hang(entry)
    if entry.played == "reset":
        return reset()
    if entry.played in ("half_json", "drip"):
        half = '{"status":"success","imageId":"'
        return Response(half if entry.played == "half_json" else _drip(half), mimetype="application/json")
    extra = {"type": 1} if entry.played == "gen_failure" else {}
    return _compact({"status": entry.played, **extra}, state().fields(PerchanceScenario).http_status)


def _drip(text: str) -> Iterator[str]:
    for character in text:
        time.sleep(DRIP_PAUSE_SECONDS)
        yield character


def _compact(document: dict[str, object], status: int = 200) -> Response:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, mimetype="application/json")
