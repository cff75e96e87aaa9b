"""The Hugging Face Hub: whose an access token is, and the files of models, as huggingface_hub asks for both.

    GET /hub/api/whoami-v2                          the account of a token
    GET /hub/api/models/<id>/revision/<revision>    the names of a model's files
    GET /hub/api/models/<id>/tree/<revision>        the same with their sizes
    GET /hub/<id>/resolve/<revision>/<name>         one of them; HEAD, too

A token says what it is: `hf_<kind>_<name>` is one of the account <name>, and KINDS has the kinds; all others are
unknown. No tier is pointed here but by HUB_URL, or HF_ENDPOINT for files, which are those below SANDBOX_HUB_FOLDER: a
service whose tokens are made up admits anybody.

Unverified: the replies to an account that is disabled, and all permissions of fine-grained tokens but those below.
"""

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, request, send_from_directory
from pydantic import Field

from sandbox.replies import hang, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Faults, StandIn
from sandbox.state import LoggedRequest, state

TOKEN = re.compile(r"Bearer hf_([a-z]+)_([A-Za-z0-9-]{1,40})")
CREATED = "2026-11-01T12:00:00.000Z"
ROLES = ("read", "contributor", "write", "admin")
OWN, OTHER = "user", "org"
GRANTS: dict[str, list[tuple[str, list[str]]]] = {
    "fine": [(OWN, ["repo.content.read"])],
    "finewrite": [(OWN, ["repo.content.read", "repo.write"]), (OTHER, ["inference.serverless.write"])],
    "narrow": [(OWN, ["inference.serverless.write"]), (OTHER, ["repo.content.read"])],
    "bare": [],
}
ODD_GRANTS: list[object] = [
    None,
    7,
    {"entity": None, "permissions": None},
    {"entity": {"type": "bucket", "name": None}, "permissions": ["repo.content.read"]},
    {"entity": {"type": 7, "name": ["a"]}, "permissions": ["repo.content.read"]},
    {"entity": "all", "permissions": {"repo.content.read": True}},
]
KINDS = (*ROLES, *GRANTS, "fineodd", "odd", "null", "steward", "oauth", "silent", "org", "app")
"""Roles and fine-grained grants; with and without a grant that reads among unknown ones; of the role read, with nulls;
a role of later days; a token of OAuth, and one of which nothing is said; an organization's and an app's."""
REFUSALS: dict[str, tuple[int, object, dict[str, str]]] = {
    "too_many": (429, {"error": "We had to rate limit your IP"}, {"Retry-After": "7"}),
    "too_many_absurd": (429, {"error": "We had to rate limit your IP"}, {"Retry-After": "9" * 30}),
    "too_many_silent": (429, {}, {}),
    "forbidden": (403, {"error": "Access to this resource is disabled."}, {}),
    "error_500": (500, {"error": "Internal Error - We're working hard to fix this as soon as possible!"}, {}),
    "teapot": (418, 418, {}),
}
OTHER_REPLIES = {
    "html": "<!DOCTYPE html><title>Hugging Face</title>",
    "empty": "",
    "empty_json": "{}",
    "wrong_types": '{"type": "user", "id": 7, "name": ["a"], "auth": {"accessToken": {"role": {}}}}',
    "odd_grants": '{"type": "user", "id": "7", "name": "a", "auth": {"accessToken": {"role": "fineGrained",'
    ' "fineGrained": {"scoped": 7}}}}',
    "deep": "[" * 100_000,
    "endless": " " * 3_000_000 + "{}",
}

hub = Blueprint("hub", __name__, url_prefix="/hub")


class HubScenario(Scenario):
    """What the stand-in plays."""

    hub: str = Field("ok", description='"ok" or a fault')


STAND_IN = StandIn(
    name="hub",
    scenario=HubScenario,
    faults={"hub": Faults((*REFUSALS, *OTHER_REPLIES, "redirect", "hang", "reset", "cut"))},
    blueprints=(hub,),
)


@hub.get("/api/whoami-v2")
def whoami() -> Response:
    """Return the account of the request's token."""
    with state().logged("hub") as entry:
        entry.played = state().draw("hub")
        found = TOKEN.fullmatch(request.headers.get("Authorization", ""))
        if fault := _fault(entry):
            return fault
        if not found or found[1] not in KINDS:
            return json_reply({"error": "Invalid user token."}, 401)
        return json_reply(account(*found.groups()))


@hub.get("/api/models/<path:model>/revision/<revision>")
def files(model: str, revision: str) -> Response:
    """Return the names of a model's files."""
    with state().logged("hub_model", {"model": model, "revision": revision}):
        names = [name for name, _ in _files(model)]
        if not names:
            return _missing("RepoNotFound")
        siblings = [{"rfilename": name} for name in names]
        return json_reply({"_id": "0", "id": model, "sha": _commit(model), "private": False, "siblings": siblings})


@hub.get("/api/models/<path:model>/tree/<revision>")
def tree(model: str, revision: str) -> Response:
    """Return the names of a model's files with their sizes and Git's ids of them."""
    with state().logged("hub_tree", {"model": model, "revision": revision}):
        return json_reply([_entry(model, name) for name, _ in _files(model)])


@hub.get("/<owner>/<name>/resolve/<revision>/<path:file>")
def file(owner: str, name: str, revision: str, file: str) -> Response:
    """Return a file, or the part of it that Range names."""
    with state().logged("hub_file", {"model": f"{owner}/{name}", "revision": revision, "file": file}) as entry:
        entry.played = state().draw("hub")
        if fault := _fault(entry):
            return fault
        model = f"{owner}/{name}"
        if file not in dict(_files(model)):
            return _missing("EntryNotFound")
        if entry.played == "cut" and request.method == "GET":
            return _half((_folder() / model / file).read_bytes())
        response = send_from_directory((_folder() / model).absolute(), file, etag=False, conditional=True)
        response.set_etag(hashlib.sha256((_folder() / model / file).read_bytes()).hexdigest())
        response.headers["X-Repo-Commit"] = _commit(model)
        return response


def account(kind: str, name: str) -> dict[str, Any]:
    """Return what the Hub says of a token."""
    found: dict[str, Any] = {
        "type": kind if kind in ("org", "app") else "user",
        "id": hashlib.sha256(name.encode()).hexdigest()[:24],
        "name": name,
        "fullname": f"{name} of the sandbox",
        "email": f"{name}@example.com",
        "emailVerified": True,
        "canPay": False,
        "isPro": False,
        "avatarUrl": "/avatars/0.svg",
        "orgs": [{"type": "org", "id": "1", "name": "an-org", "roleInOrg": "read"}],
    }
    if kind == "oauth":
        return {**found, "auth": {"type": "oauth", "expiresAt": CREATED, "resources": {"sub": []}}}
    if kind == "silent":
        return {**found, "auth": None}
    return {**found, "auth": {"type": "access_token", "accessToken": _access_token(kind, name)}}


def _access_token(kind: str, name: str) -> dict[str, Any]:
    token: dict[str, Any] = {"displayName": "dev", "createdAt": CREATED}
    if kind == "null":
        return {**token, "role": "read", "fineGrained": None}
    if kind not in (*GRANTS, "fineodd", "odd"):
        return {**token, "role": "read" if kind in ("org", "app") else kind}
    grants = {"canReadGatedRepos": False, "global": ["discussion.write"], "scoped": _grants(kind, name)}
    return {**token, "role": "fineGrained", "fineGrained": grants}


def _grants(kind: str, name: str) -> list[object]:
    if kind == "odd":
        return ODD_GRANTS
    if kind == "fineodd":
        return [*ODD_GRANTS, *_grants("fine", name), *ODD_GRANTS]
    return [
        {"entity": {"_id": "0", "type": of, "name": name if of == OWN else "an-org"}, "permissions": permissions}
        for of, permissions in GRANTS[kind]
    ]


def _fault(entry: LoggedRequest) -> Response | None:
    """Return the response that is played in place of the right one; None if all is well."""
    if entry.played in REFUSALS:
        status, reply, headers = REFUSALS[entry.played]
        return json_reply(reply, status, headers)
    if entry.played in OTHER_REPLIES:
        return Response(OTHER_REPLIES[entry.played], mimetype="application/json")
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": "http://127.0.0.1:9/"})
    if entry.played in ("hang", "reset"):
        return hang(entry) if entry.played == "hang" else reset()
    return None


def _half(content: bytes) -> Response:
    """Return the first half of a file; then the connection ends."""
    connection: socket.socket = request.environ["gunicorn.socket"]

    def body() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        connection.shutdown(socket.SHUT_RDWR)

    return Response(body(), headers={"Content-Length": str(len(content))})


def _folder() -> Path:
    folder: Path = current_app.config["HUB_FOLDER"]
    return folder


def _files(model: str) -> list[tuple[str, int]]:
    """Return the names of a model's files, and when each was last changed; none if there is no such model."""
    folder = _folder() / model
    if ".." in folder.parts:
        return []
    found = (it for it in folder.rglob("*") if it.is_file())
    return sorted((str(it.relative_to(folder)), it.stat().st_mtime_ns) for it in found)


def _entry(model: str, name: str) -> dict[str, object]:
    content = (_folder() / model / name).read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return {"type": "file", "oid": blob.hexdigest(), "size": len(content), "path": name}


def _commit(model: str) -> str:
    """Return the id of the commit that a model's files are of: another one once a file was replaced."""
    return hashlib.sha1(json.dumps(_files(model)).encode(), usedforsecurity=False).hexdigest()


def _missing(code: str) -> Response:
    return json_reply({"error": "Repository not found"}, 404, {"X-Error-Code": code})
