"""Cloudinary's signed upload and deletion, with one account, as its documents describe them.

Behaviours: `ok`, `hang`, `html_503`, `no_link`, `elsewhere` and REFUSALS' keys. Where all is well, a key that nobody
has, a signature that is wrong or old, and a file that is no picture are still refused.
"""

import hashlib
import json
import time

from flask import Blueprint, Response, current_app, request

from sandbox.callers import still_there
from sandbox.control import switchboard
from sandbox.switchboard import Asked

CLOUD, KEY, SECRET = "sandbox-cloud", "123456789012345", "sandbox-secret"
CLOUDINARY_URL = f"cloudinary://{KEY}:{SECRET}@{CLOUD}"
SIGNATURE_SECONDS = 3600
UNSIGNED = {"signature", "api_key", "file", "cloud_name", "resource_type"}
FORMATS = {b"\x89PNG": "png", b"\xff\xd8": "jpg", b"RIFF": "webp"}  # by how the file begins
CACHE_CONTROL = "public, no-transform, immutable, max-age=2592000"
REFUSALS: dict[str, tuple[int, str]] = {
    "unknown_key": (401, f"Unknown API key {KEY}"),
    "invalid_signature": (401, "Invalid Signature 0a1b. String to sign - 'timestamp=1'."),
    "invalid_cloud": (401, f"Invalid cloud_name {CLOUD}"),
    "bad_file": (400, "Invalid image file"),
    "too_large": (400, "File size too large. Got 12345678. Maximum is 10485760."),
    "rate_limited": (
        420,
        "Rate Limit Exceeded. Limit of 500 api operations reached. Try again on 2026-11-21 14:00:00 UTC",
    ),
    "too_many": (429, "Too many requests"),
    "not_allowed": (403, "Not allowed"),
    "teapot": (418, "Something new"),
    "error_500": (500, "Internal server error"),
}

cloudinary = Blueprint("cloudinary", __name__)


def _kept() -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = current_app.extensions.setdefault("cloudinary", {})
    return found


@cloudinary.post(f"/v1_1/{CLOUD}/image/<action>")
def asked(action: str) -> Response:
    """Keep a picture or delete it, or refuse to."""
    board = switchboard()
    with board.asked("cloudinary", {"action": action, "public_id": request.form.get("public_id", "")}) as entry:
        entry.played = board.behaviour("cloudinary")
        if entry.played == "hang":
            still_there(entry)
            return Response(status=499)
        if entry.played == "html_503":
            return Response("<!DOCTYPE html><title>Service Unavailable</title>", 503, mimetype="text/html")
        if entry.played in REFUSALS:
            return _refused(*REFUSALS[entry.played])
        refusal = _wrong_caller()
        if refusal:
            return _refused(401, refusal)
        return _uploaded(entry) if action == "upload" else _destroyed()


@cloudinary.get(f"/res.cloudinary.com/{CLOUD}/image/upload/<version>/<path:public_id>.<ending>")
def picture(version: str, public_id: str, ending: str) -> Response:
    """A picture that was uploaded."""
    kind, data = _kept().get(public_id, ("", b""))
    if kind != ending:
        return Response(status=404, headers={"X-Cld-Error": "Resource not found"})
    mimetype = "image/jpeg" if kind == "jpg" else f"image/{kind}"
    return Response(data, mimetype=mimetype, headers={"Cache-Control": CACHE_CONTROL})


def _wrong_caller() -> str | None:
    form = request.form
    if form.get("api_key") != KEY:
        return f"Unknown API key {form.get('api_key')}"
    signed = "&".join(f"{name}={form[name]}" for name in sorted(form) if name not in UNSIGNED and form[name])
    expected = hashlib.sha256(f"{signed}{SECRET}".encode()).hexdigest()
    if form.get("signature") != expected:
        return f"Invalid Signature {form.get('signature')}. String to sign - '{signed}'."
    if abs(time.time() - int(form.get("timestamp", "0"))) > SIGNATURE_SECONDS:
        return "Stale request - reported time is more than 1 hour ago"
    return None


def _uploaded(entry: Asked) -> Response:
    file = request.files.get("file")
    data = file.read() if file else b""
    kind = next((kind for start, kind in FORMATS.items() if data.startswith(start)), None)
    if kind is None:
        return _refused(*REFUSALS["bad_file"])
    public_id = request.form["public_id"]
    existing = public_id in _kept() and request.form.get("overwrite") == "false"
    entry.body = {**(entry.body or {}), "existing": existing}
    if not existing:
        _kept()[public_id] = (kind, data)
    kind, data = _kept()[public_id]
    link = f"{request.host_url}res.cloudinary.com/{CLOUD}/image/upload/v1/{public_id}.{kind}"
    answer = {
        "asset_id": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "public_id": public_id,
        "version": 1,
        "format": kind,
        "resource_type": "image",
        "bytes": len(data),
        "type": "upload",
        "secure_url": "https://elsewhere.example/other.png" if entry.played == "elsewhere" else link,
        **({"existing": True} if existing else {}),
    }
    if entry.played == "no_link":
        del answer["secure_url"]
    return Response(json.dumps(answer), mimetype="application/json")


def _destroyed() -> Response:
    found = _kept().pop(request.form["public_id"], None)
    return Response(json.dumps({"result": "ok" if found else "not found"}), mimetype="application/json")


def _refused(status: int, message: str) -> Response:
    return Response(
        json.dumps({"error": {"message": message}}), status, {"X-Cld-Error": message}, mimetype="application/json"
    )
