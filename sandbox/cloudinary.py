"""Cloudinary's signed upload and deletion, with one account, as its documents describe them.

An unknown key, a signature that is wrong or old, and a file that is no picture are refused in every scenario.
"""

import hashlib
import time

from flask import Blueprint, Response, request
from pydantic import Field

from sandbox.replies import hang, html_reply, json_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state

CLOUD, KEY, SECRET = "sandbox-cloud", "123456789012345", "sandbox-secret"
CLOUDINARY_URL = f"cloudinary://{KEY}:{SECRET}@{CLOUD}"
SIGNATURE_SECONDS = 3600
UNSIGNED = {"signature", "api_key", "file", "cloud_name", "resource_type"}
FORMATS = {b"\x89PNG": "png", b"\xff\xd8": "jpg", b"RIFF": "webp"}  # by the file's first bytes
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

FAULTS = Faults((*REFUSALS, "hang", "html_503", "no_link", "elsewhere"))

cloudinary = Blueprint("cloudinary", __name__)


class CloudinaryScenario(Scenario):
    """What the stand-in plays."""

    cloudinary: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"CLOUDINARY_API_URL": f"{addresses.site}/v1_1"}


STAND_IN = StandIn(
    name="cloudinary",
    scenario=CloudinaryScenario,
    faults={"cloudinary": FAULTS},
    blueprints=(cloudinary,),
    environment=_environment,
    keys={"CLOUDINARY_URL": CLOUDINARY_URL},
)


class _Assets(dict[str, tuple[str, bytes]]):
    """The kept files with their formats, by public id."""


@cloudinary.post(f"/v1_1/{CLOUD}/image/<action>")
def upload_or_destroy(action: str) -> Response:
    """Keep a picture or delete it, or refuse to."""
    board = state()
    with board.logged("cloudinary", {"action": action, "public_id": request.form.get("public_id", "")}) as entry:
        entry.played = board.draw("cloudinary")
        if entry.played == "hang":
            return hang(entry)
        if entry.played == "html_503":
            return html_reply("Service Unavailable", 503)
        if entry.played in REFUSALS:
            return _refused(*REFUSALS[entry.played])
        if refusal := _unauthorized():
            return _refused(401, refusal)
        return _uploaded(entry) if action == "upload" else _destroyed()


@cloudinary.get(f"/res.cloudinary.com/{CLOUD}/image/upload/<version>/<path:public_id>.<ending>")
def picture(version: str, public_id: str, ending: str) -> Response:
    """Return a picture that was uploaded."""
    kind, data = memory(_Assets).get(public_id, ("", b""))
    if kind != ending:
        return Response(status=404, headers={"X-Cld-Error": "Resource not found"})
    mimetype = "image/jpeg" if kind == "jpg" else f"image/{kind}"
    return Response(data, mimetype=mimetype, headers={"Cache-Control": CACHE_CONTROL})


def _unauthorized() -> str | None:
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


def _uploaded(entry: LoggedRequest) -> Response:
    assets, public_id = memory(_Assets), request.form["public_id"]
    file = request.files.get("file")
    data = file.read() if file else b""
    kind = next((kind for start, kind in FORMATS.items() if data.startswith(start)), None)
    if kind is None:
        return _refused(*REFUSALS["bad_file"])
    existing = public_id in assets and request.form.get("overwrite") == "false"
    entry.body = {**(entry.body or {}), "existing": existing}
    if not existing:
        assets[public_id] = (kind, data)
    asset = _asset(public_id, *assets[public_id])
    if existing:
        asset["existing"] = True
    if entry.played == "elsewhere":
        asset["secure_url"] = "https://elsewhere.example/other.png"
    if entry.played == "no_link":
        del asset["secure_url"]
    return json_reply(asset)


def _asset(public_id: str, kind: str, data: bytes) -> dict[str, object]:
    return {
        "asset_id": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "public_id": public_id,
        "version": 1,
        "format": kind,
        "resource_type": "image",
        "bytes": len(data),
        "type": "upload",
        "secure_url": f"{request.host_url}res.cloudinary.com/{CLOUD}/image/upload/v1/{public_id}.{kind}",
    }


def _destroyed() -> Response:
    found = memory(_Assets).pop(request.form["public_id"], None)
    return json_reply({"result": "ok" if found else "not found"})


def _refused(status: int, message: str) -> Response:
    return json_reply({"error": {"message": message}}, status, {"X-Cld-Error": message})
