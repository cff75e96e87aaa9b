"""Perchance's internal image API as it was seen from outside in 2024 to 2026.

    GET  /api/verifyUser                 a key for the caller's address
    POST /api/generate?userKey=…         one picture at a time for a key; the answer announces it
    GET  /api/downloadTemporaryImage     the picture

The replies are compact JSON: clients find the key by searching for the text `"userKey":"`. Nobody outside knows the
HTTP status of the refusals; 200 is played unless the scenario says otherwise.
"""

import json
import secrets
import select
import socket
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from flask import Blueprint, Response, current_app, request

from sandbox.control import switchboard
from sandbox.pictures import jpeg
from sandbox.switchboard import Asked

KEPT_PICTURES = 64
HANG_SECONDS = 600.0
ABORT_POLL_SECONDS = 0.02
WALL_WINDOW_SECONDS = 60.0
MAX_RANDOM_SEED = 2**31 - 1
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


class Perchance:
    """The site's memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visitors: dict[str, _Visitor] = {}
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

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

    def key(self, address: str, seconds: float) -> str:
        """The address's key; a new one where the old one has expired."""
        with self._lock:
            visitor = self._visitors.setdefault(address, _Visitor())
            if time.monotonic() >= visitor.key_ends:
                visitor.key, visitor.key_ends = secrets.token_hex(32), time.monotonic() + seconds
            return visitor.key

    def enter(self, address: str, key: str, threads: int, wall_after: int) -> str:
        """Begin a picture: "ok", or the word that refuses it."""
        with self._lock:
            visitor, now = self._visitors.get(address), time.monotonic()
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

    def leave(self, address: str) -> None:
        """End a picture, made or not."""
        with self._lock:
            self._visitors[address].making -= 1

    def keep(self, picture: bytes) -> str:
        """Keep a picture for its download and return its id."""
        image_id = secrets.token_hex(32)
        with self._lock:
            self._pictures[image_id] = picture
            while len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return image_id

    def picture(self, image_id: str) -> bytes | None:
        """A kept picture."""
        with self._lock:
            return self._pictures.get(image_id)


@site.get("/verifyUser")
def verify_user() -> Response:
    """A key, or a refusal to give one."""
    board = switchboard()
    with board.asked("verifyUser") as entry:
        entry.played = board.behaviour("verify")
        if entry.played == "ok":
            key = _site().key(_address(), board.scenario.key_seconds)
            return _compact({"status": "already_verified", "userKey": key})
        if entry.played == "failed_verification":
            return _compact({"status": "failed_verification", "reason": "token_required"}, board.scenario.http_status)
        return _refusal(entry)


@site.post("/generate")
def generate() -> Response:
    """Make a picture; answers when it is made."""
    board, address = switchboard(), _address()
    body = json.loads(request.get_data())  # the site's own page sends JSON as text/plain
    with board.asked("generate", body) as entry:
        entry.played = board.behaviour("generate")
        if entry.played == "ok":
            scenario = board.scenario
            key = request.args.get("userKey", "")
            entry.played = _site().enter(address, key, scenario.threads, scenario.wall_after)
        if entry.played != "ok":
            return _refusal(entry)
        try:
            with board.in_flight():
                return _made(entry, body)
        finally:
            _site().leave(address)


@site.get("/downloadTemporaryImage")
def download() -> Response:
    """A picture that was made before."""
    board = switchboard()
    with board.asked("download") as entry:
        entry.played = board.behaviour("download")
        if entry.played == "not_a_picture":
            return Response("this is no picture", mimetype="image/jpeg")
        picture = _site().picture(request.args.get("imageId", ""))
        if entry.played == "404" or picture is None:
            return Response("Not Found", 404, mimetype="text/plain")
        return Response(picture, mimetype="image/jpeg") if entry.played == "ok" else _refusal(entry)


def _made(entry: Asked, body: dict[str, object]) -> Response:
    seed = int(str(body["seed"]))
    seed = secrets.randbelow(MAX_RANDOM_SEED) if seed < 0 else seed
    width, height = (int(side) for side in str(body["resolution"]).split("x"))
    prompt, negative_prompt = str(body["prompt"]), str(body["negativePrompt"])
    guidance = float(str(body["guidanceScale"]))
    picture = jpeg(prompt, negative_prompt, seed, guidance, (width, height))
    if not _still_there(entry, switchboard().scenario.delay):
        return Response(status=499)
    return _compact(
        {
            "status": "success",
            "imageId": _site().keep(picture),
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
        return Response(CHALLENGE, 403, {"cf-mitigated": "challenge"}, mimetype="text/html")
    if entry.played == "empty_500":
        return Response(status=500)
    if entry.played == "html":
        return Response("<!DOCTYPE html><title>Bad gateway</title>", 502, mimetype="text/html")
    if entry.played == "hang":
        _still_there(entry, HANG_SECONDS)
        return Response(status=499)
    return _compact({"status": entry.played}, switchboard().scenario.http_status)


def _still_there(entry: Asked, seconds: float) -> bool:
    """Wait, and notice a caller who hangs up meanwhile: his request is then logged as aborted."""
    connection: socket.socket = request.environ["gunicorn.socket"]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, ABORT_POLL_SECONDS))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            entry.outcome = "aborted"
            return False
    return True


def _compact(document: dict[str, object], status: int = 200) -> Response:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, mimetype="application/json")


def _address() -> str:
    return request.remote_addr or ""


def _site() -> Perchance:
    memory: Perchance = current_app.extensions["perchance"]
    return memory
