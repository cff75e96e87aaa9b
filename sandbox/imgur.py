"""Imgur's anonymous upload, with every response that it was seen to give, and the pictures that it hands out.

Bodies are as quoted in public issue threads of 2017 to 2025; a client without an id gets `invalid_client`. The address
of a picture that was removed redirects to /removed.png (https://github.com/JDimproved/JDim/issues/1433), or to another
picture that does (https://github.com/qsniyg/maxurl/issues/311).
"""

import json
import secrets
import time
from typing import Literal, get_args

from flask import Blueprint, Response, request

from sandbox.pictures import jpeg, pictures
from sandbox.replies import hang, html_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state

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
KINDS = {"image/png": "png", "image/jpeg": "jpeg"}
UploadLimit = Literal["too_fast", "too_many", "gateway", "limit_in_seconds", "limit_as_moment", "limit_absurd"]
UploadRefusal = Literal[
    "invalid_client", "invalid_token", "over_capacity", "forbidden_actions", "file_type", "file_size"
]
Oddity = Literal["ok_jpeg", "no_link", "hang", "html_503", "html_404"]  # ok_jpeg is stored as another type
Removal = Literal["removed", "replaced", "page"]
REMOVED = (161, 81)  # pixels of the placeholder, by the same reports
PICTURE_FAULTS = Faults(get_args(Removal))
FAULTS = Faults(
    (*get_args(Oddity), *get_args(UploadRefusal), *get_args(UploadLimit)),
    by_chance=("over_capacity", "gateway", "html_503", "no_link"),
)

imgur = Blueprint("imgur", __name__)


class ImgurScenario(Scenario):
    """What the stand-in plays."""

    imgur: Literal["ok"] | Oddity | UploadRefusal | UploadLimit = "ok"
    imgur_picture: Literal["ok"] | Removal = "ok"


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"IMGUR_API_URL": f"{addresses.site}/3"}


STAND_IN = StandIn(
    name="imgur",
    scenario=ImgurScenario,
    faults={"imgur": FAULTS, "imgur_picture": PICTURE_FAULTS},
    blueprints=(imgur,),
    environment=_environment,
    keys={"IMGUR_CLIENT_ID": "any"},
)


class _Deletehashes(dict[str, str]):
    """The pictures' names by their deletehashes."""


@imgur.post("/3/image")
def upload() -> Response:
    """Keep a picture, or refuse it."""
    board = state()
    with board.logged("imgur") as entry:
        entry.played = board.draw("imgur")
        file = request.files.get("image")
        if not request.headers.get("Authorization", "").removeprefix("Client-ID").strip():
            entry.played = "invalid_client"
        elif entry.played.startswith("ok") and (file is None or request.form.get("type") != "file"):
            entry.played = "file_type"
        if fault := _fault(entry):
            return fault
        if file is None or file.mimetype not in KINDS:
            return _refusal("file_type")
        return _kept(file.read(), "jpeg" if entry.played == "ok_jpeg" else KINDS[file.mimetype], entry.played)


@imgur.delete("/3/image/<deletehash>")
def delete(deletehash: str) -> Response:
    """Delete a picture. Imgur's documents give only the success; the refusals are as for an upload."""
    board = state()
    with board.logged("imgur", {"deletehash": deletehash}) as entry:
        entry.played = board.draw("imgur")
        if entry.played in REFUSALS:
            return _refusal(entry.played)
        name = memory(_Deletehashes).pop(deletehash, None)
        if name is None:
            return Response(_plain("Unable to find an image with that id", 404), 404, mimetype="application/json")
        pictures().forget(name)
        return Response('{"data":true,"success":true,"status":200}', mimetype="application/json")


@imgur.get("/i.imgur.com/removed.png")
def placeholder() -> Response:
    """Return the picture that says that another one was removed."""
    return Response(jpeg("removed", "", 1, 7.0, REMOVED), mimetype="image/jpeg")


@imgur.get("/i.imgur.com/<name>.<kind>")
def picture(name: str, kind: str) -> Response:
    """Return a picture that was uploaded; for one that was removed, a redirect to the placeholder."""
    board = state()
    with board.logged("imgur_picture") as entry:
        entry.played = board.draw("imgur_picture")
        found = pictures().find(name) if entry.played == "ok" else None
        if found is None:
            return _removed(entry.played)
        return Response(found, mimetype="image/jpeg" if kind == "jpg" else "image/png")


def _removed(played: str) -> Response:
    """Return the redirect to the placeholder, or to another picture that leads there, or a page in its place."""
    if played == "page":
        return html_reply("imgur", 200)
    target = "replaced.png" if played == "replaced" else "removed.png"
    return Response(status=302, headers={"Location": f"{request.host_url}i.imgur.com/{target}"})


def _fault(entry: LoggedRequest) -> Response | None:
    if entry.played in REFUSALS:
        return _refusal(entry.played, _limits(entry.played))
    if entry.played.startswith("html"):
        return html_reply("imgur", int(entry.played[-3:]))
    return hang(entry) if entry.played == "hang" else None


def _refusal(word: str, headers: dict[str, str] | None = None) -> Response:
    status, body = REFUSALS[word]
    return Response(body, status, headers or {}, mimetype="application/json")


def _kept(data: bytes, kind: str, played: str) -> Response:
    name = pictures().keep(data)
    deletehash = secrets.token_hex(8)[:15]
    memory(_Deletehashes)[deletehash] = name
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
    headers = {
        "X-Post-Rate-Limit-Limit": "1250",
        "X-RateLimit-ClientLimit": "12500",
        "X-RateLimit-UserLimit": "500",
    }
    if played == "limit_in_seconds":
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": str(BRIEF_SECONDS)}
    if played == "limit_absurd":
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": "999999999"}
    if played == "limit_as_moment":
        moment = int(time.time()) + BRIEF_SECONDS
        return {**headers, "X-RateLimit-UserRemaining": "0", "X-RateLimit-UserReset": str(moment)}
    return headers
