"""Imgur's anonymous upload, with every answer that it was seen to give.

Behaviours: `ok`, `ok_jpeg` (stored as another type), `no_link`, `hang`, `html_503`, `html_404` and REFUSALS' keys.
Bodies as quoted in public issue threads of 2017 to 2025; a client without an id gets `invalid_client`.
"""

import json
import secrets
import time

from flask import Blueprint, Response, current_app, request

from sandbox.callers import still_there
from sandbox.control import pictures, switchboard

ID_BYTES = 5
BRIEF_SECONDS = 2


def _plain(error: object, status: int) -> str:
    return json.dumps(
        {"data": {"error": error, "request": "/3/image", "method": "POST"}, "success": False, "status": status}
    )


def _object(code: int, message: str) -> str:
    return _plain({"code": code, "message": message, "type": "ImgurException", "exception": []}, 400)


GATEWAY = json.dumps(
    {"errors": [{"id": "legacy-api-1", "code": "429", "status": "Too Many Requests", "detail": "Too Many Requests"}]}
)
REFUSALS: dict[str, tuple[int, str]] = {
    "invalid_client": (401, _plain("Invalid client_id", 401)),
    "invalid_token": (403, _plain("The access token provided is invalid.", 403)),
    "over_capacity": (403, _plain("Imgur is temporarily over capacity. Please try again later.", 403)),
    "forbidden_actions": (400, _plain("These actions are forbidden.", 400)),
    "file_type": (400, _object(1003, "File type invalid (1)")),
    "file_size": (400, _object(1002, "File is over the size limit")),
    "too_fast": (429, _object(429, "You are uploading too fast. Please wait 59 more minutes.")),
    "too_many": (429, _plain("Too Many Requests", 429)),
    "gateway": (429, GATEWAY),
    "limit_in_seconds": (429, _plain("Too Many Requests", 429)),
    "limit_absurd": (429, _plain("Too Many Requests", 429)),
    "limit_as_moment": (429, _plain("Too Many Requests", 429)),
}
KINDS = {"image/png": "png", "image/jpeg": "jpeg"}  # of what is uploaded here

imgur = Blueprint("imgur", __name__)


@imgur.post("/3/image")
def upload() -> Response:
    """Keep a picture, or refuse it."""
    board = switchboard()
    with board.asked("imgur") as entry:
        entry.played = board.behaviour("imgur")
        if not request.headers.get("Authorization", "").removeprefix("Client-ID").strip():
            entry.played = "invalid_client"
        file = request.files.get("image")
        if entry.played.startswith("ok") and (file is None or request.form.get("type") != "file"):
            entry.played = "file_type"
        if entry.played in REFUSALS:
            status, body = REFUSALS[entry.played]
            return Response(body, status, _limits(entry.played), mimetype="application/json")
        if entry.played.startswith("html"):
            return Response("<!DOCTYPE html><title>imgur</title>", int(entry.played[-3:]), mimetype="text/html")
        if entry.played == "hang":
            still_there(entry)
            return Response(status=499)
        if file is None or file.mimetype not in KINDS:
            return Response(REFUSALS["file_type"][1], 400, mimetype="application/json")
        return _kept(file.read(), "jpeg" if entry.played == "ok_jpeg" else KINDS[file.mimetype], entry.played)


@imgur.delete("/3/image/<deletehash>")
def delete(deletehash: str) -> Response:
    """Forget a picture. Its own documents tell only the success; the rest is as elsewhere there."""
    board = switchboard()
    with board.asked("imgur", {"deletehash": deletehash}) as entry:
        entry.played = board.behaviour("imgur")
        if entry.played in REFUSALS:
            status, body = REFUSALS[entry.played]
            return Response(body, status, mimetype="application/json")
        name = _deletehashes().pop(deletehash, None)
        if name is None:
            return Response(_plain("Unable to find an image with that id", 404), 404, mimetype="application/json")
        pictures().forget(name)
        return Response('{"data":true,"success":true,"status":200}', mimetype="application/json")


@imgur.get("/i.imgur.com/<name>.<kind>")
def picture(name: str, kind: str) -> Response:
    """A picture that was uploaded."""
    found = pictures().find(name)
    mimetype = "image/jpeg" if kind == "jpg" else "image/png"
    return Response(found or b"", 200 if found else 404, mimetype=mimetype)


def _deletehashes() -> dict[str, str]:
    """The pictures' names by their deletehashes."""
    found: dict[str, str] = current_app.extensions.setdefault("imgur", {})
    return found


def _kept(data: bytes, kind: str, played: str) -> Response:
    name = pictures().keep(data)
    deletehash = secrets.token_hex(8)[:15]
    _deletehashes()[deletehash] = name
    link = f"{request.host_url}i.imgur.com/{name}.{'jpg' if kind == 'jpeg' else kind}"
    stored = {
        "id": name,
        "title": None,
        "datetime": int(time.time()),
        "type": f"image/{kind}",
        "animated": False,
        "size": len(data),
        "deletehash": deletehash,
        **({} if played == "no_link" else {"link": link}),
    }
    text = json.dumps({"data": stored, "success": True, "status": 200}).replace("/", "\\/")  # as Imgur escapes it
    return Response(text, mimetype="application/json")


def _limits(played: str) -> dict[str, str]:
    if played == "forbidden_actions":
        return {"CDN-Error": "yes", "Retry-After": "0"}
    headers = {"X-Post-Rate-Limit-Limit": "1250", "X-RateLimit-ClientLimit": "12500", "X-RateLimit-UserLimit": "500"}
    if played == "limit_in_seconds":
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": str(BRIEF_SECONDS)}
    if played == "limit_absurd":
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": "999999999"}
    if played == "limit_as_moment":
        moment = int(time.time()) + BRIEF_SECONDS
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": str(moment)}
    return headers
