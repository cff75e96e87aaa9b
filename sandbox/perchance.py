"""Perchance's internal image API as it was seen from outside in 2024 to 2026.

    GET  /api/verifyUser                 a key for the caller's address
    POST /api/generate?userKey=…         one picture at a time for a key; the answer announces it
    GET  /api/downloadTemporaryImage     the picture

The replies are compact JSON: clients find the key by searching for the text `"userKey":"`. Nobody outside knows the
HTTP status of the refusals; 200 is played unless the scenario says otherwise.
"""

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Response, current_app, request

from sandbox.callers import address, still_there
from sandbox.control import painted, pictures, switchboard
from sandbox.pictures import chosen_seed, handed_out, reset
from sandbox.switchboard import Asked

WALL_WINDOW_SECONDS = 60.0
DRIP_PAUSE_SECONDS = 0.3
CHALLENGE = """<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>
<script>window._cf_chl_opt={};</script><script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>
</body></html>"""

site = Blueprint("perchance", __name__, url_prefix="/api")


@dataclass
class _Visitor:
    """One address: its key, how many pictures it is having made, and when it asked for some."""

    key: str = ""
    key_ends: float = 0.0
    making: int = 0
    asked: deque[float] = field(default_factory=deque)


class Visitors:
    """What the site remembers of each address. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visitors: dict[str, _Visitor] = {}

    def forget_visits(self) -> None:
        """Forget how often anybody asked."""
        with self._lock:
            for visitor in self._visitors.values():
                visitor.asked.clear()

    def expire_keys(self) -> None:
        """End the life of every key."""
        with self._lock:
            for visitor in self._visitors.values():
                visitor.key_ends = 0.0

    def key(self, who: str, seconds: float) -> str:
        """The address's key; a new one where the old one has expired."""
        with self._lock:
            visitor = self._visitors.setdefault(who, _Visitor())
            if time.monotonic() >= visitor.key_ends:
                visitor.key, visitor.key_ends = secrets.token_hex(32), time.monotonic() + seconds
            return visitor.key

    def enter(self, who: str, key: str, threads: int, wall_after: int) -> str:
        """Begin a picture: "ok", or the word that refuses it."""
        with self._lock:
            visitor, now = self._visitors.get(who), time.monotonic()
            if visitor is None or key != visitor.key or now >= visitor.key_ends:
                return "invalid_key"
            if visitor.making >= threads:
                return "waiting_for_prev_request_to_finish"
            while visitor.asked and visitor.asked[0] < now - WALL_WINDOW_SECONDS:
                visitor.asked.popleft()
            if wall_after and len(visitor.asked) >= wall_after:
                return "challenge"
            visitor.asked.append(now)
            visitor.making += 1
            return "ok"

    def leave(self, who: str) -> None:
        """End a picture, made or not."""
        with self._lock:
            self._visitors[who].making -= 1


@site.get("/verifyUser")
def verify_user() -> Response:
    """A key, or a refusal to give one."""
    board = switchboard()
    with board.asked("verifyUser") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.behaviour("verify")
        if entry.played == "ok":
            key = _visitors().key(address(), board.scenario.key_seconds)
            return _compact({"status": "already_verified", "userKey": key})
        if entry.played == "failed_verification":
            return _compact({"status": "failed_verification", "reason": "token_required"}, board.scenario.http_status)
        return _refusal(entry)


@site.post("/generate")
def generate() -> Response:
    """Make a picture; answers when it is made."""
    board, who = switchboard(), address()
    body = json.loads(request.get_data())  # the site's own page sends JSON as text/plain
    with board.asked("generate", body) as entry:
        entry.played = board.behaviour("generate")
        if entry.played == "ok":
            scenario = board.scenario
            entry.played = _visitors().enter(
                who, request.args.get("userKey", ""), scenario.threads, scenario.wall_after
            )
        if entry.played != "ok":
            return _refusal(entry)
        try:
            with board.in_flight():
                return _made(entry, body)
        finally:
            _visitors().leave(who)


@site.get("/downloadTemporaryImage")
def download() -> Response:
    """A picture that was made before."""
    board = switchboard()
    with board.asked("download") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.behaviour("download")
        if entry.played in ("challenge", "hang"):
            return _refusal(entry)
        return handed_out(pictures().find(request.args.get("imageId", "")), entry.played)


def challenge() -> Response:
    """Cloudflare's page before a page, which a person's browser gets past."""
    return Response(CHALLENGE, 403, {"cf-mitigated": "challenge"}, mimetype="text/html")


def _made(entry: Asked, body: dict[str, object]) -> Response:
    seed = chosen_seed(int(str(body["seed"])))
    width, height = (int(side) for side in str(body["resolution"]).split("x"))
    prompt, negative_prompt = str(body["prompt"]), str(body["negativePrompt"])
    picture = painted(prompt, negative_prompt, seed, float(str(body["guidanceScale"])), (width, height))
    if not still_there(entry, switchboard().scenario.delay):
        return Response(status=499)
    return _compact(
        {
            "status": "success",
            "imageId": pictures().keep(picture),
            "fileExtension": "jpeg",
            "seed": seed,
            "prompt": prompt,
            "width": width,
            "height": height,
            "guidanceScale": body["guidanceScale"],
            "negativePrompt": negative_prompt,
            "maybeNsfw": False,
        }
    )


def _refusal(entry: Asked) -> Response:
    if entry.played == "challenge":
        return challenge()
    if entry.played == "empty_500":
        return Response(status=500)
    if entry.played == "html":
        return Response("<!DOCTYPE html><title>Bad gateway</title>", 502, mimetype="text/html")
    if entry.played == "hang":
        still_there(entry)
        return Response(status=499)
    if entry.played == "reset":
        return reset()
    if entry.played in ("half_json", "drip"):
        half = '{"status":"success","imageId":"'
        return Response(half if entry.played == "half_json" else _drip(half), mimetype="application/json")
    extra = {"type": 1} if entry.played == "gen_failure" else {}
    return _compact({"status": entry.played, **extra}, switchboard().scenario.http_status)


def _drip(text: str) -> Iterator[str]:
    for character in text:
        time.sleep(DRIP_PAUSE_SECONDS)
        yield character


def _compact(document: dict[str, object], status: int = 200) -> Response:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, mimetype="application/json")


def _visitors() -> Visitors:
    memory: Visitors = current_app.extensions["visitors"]
    return memory
