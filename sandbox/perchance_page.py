"""Perchance's own page for outside apps, as five independent public clients described it in autumn 2026.

    GET /                          the front page, which clients frame once before the first picture
    GET /perchance-ai-api?prompt=  a page that makes a picture and posts its address to the document that framed it

Pictures are on the upload host. Part of the stand-in in `sandbox/perchance.py`.
"""

import json
import time
from string import Template
from typing import Literal, get_args

from flask import Blueprint, Response, request
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.pictures import chosen_seed, painted, pictures
from sandbox.replies import challenge, client_gone, hang, html_reply, json_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Faults
from sandbox.state import LoggedRequest, state
from sandbox.upload_host import NOWHERE, upload_origin, uploads

API = "perchance-image-api"
RESOLUTIONS = ("512x512", "512x768", "768x512", "768x768")
POSTED_ERRORS = {
    "refused_400": {"code": 400, "error": "Invalid resolution."},
    "refused_429": {"code": 429, "error": "Too many requests.", "retryAfter": 2},
    "refused_500": {"code": 500, "error": "Image generation failed."},
    "refused_999": {"code": 999, "error": "Something new."},
}
PAGE = Template("""<!DOCTYPE html><meta charset="utf-8"><title>perchance-ai-api</title><pre id="shown"></pre>
<script>
const target = $to_parent ? new URL(document.referrer).origin : "*";
fetch("/perchance-ai-api/make" + location.search).then(reply => reply.json()).then(messages => {
  for (const message of messages) {
    document.getElementById("shown").textContent = JSON.stringify(message);
    parent.postMessage(message, target);
  }
});
</script>$extra""")
FORGER = Template("""<!DOCTYPE html><script>top.postMessage($message, "*")</script>""")
PostedRefusal = Literal["error_500", "refused_400", "refused_429", "refused_500", "refused_999"]
Misbehaviour = Literal[
    "silent",  # never posts
    "hang",
    "noise",  # messages that are not meant for the client come first
    "forged",  # another origin posts first
    "elsewhere",  # a picture at an origin from which no client may fetch
    "advertisement",  # a frame that fails, as a blocked one does
    "challenge",
    "challenge_within",  # a human check in a frame of its own
]
PAGE_FAULTS = Faults(
    (*get_args(Misbehaviour), *get_args(PostedRefusal)), by_chance=("noise", "elsewhere", "refused_500", "refused_999")
)

page = Blueprint("page", __name__)


class PageScenario(Scenario):
    """What the page plays."""

    page: Literal["ok"] | Misbehaviour | PostedRefusal = "ok"
    post_to: Literal["anybody", "parent"] = Field("anybody", description="Which documents may read the messages.")


@page.get("/")
def front_page() -> str:
    """Return the front page."""
    return "<!DOCTYPE html><title>Perchance</title>"


@page.get("/perchance-ai-api")
def api_page() -> Response:
    """Return the page, or what stands before it."""
    board = state()
    scenario = board.fields(PageScenario)
    with board.logged("page") as entry:
        time.sleep(scenario.pause)
        entry.played = scenario.page
        if entry.played == "challenge":
            return challenge()
        if entry.played == "error_500":
            return html_reply("Error", 500)
        if entry.played == "hang":
            return hang(entry)
        to_parent = json.dumps(scenario.post_to == "parent")
        return Response(PAGE.substitute(to_parent=to_parent, extra=_extra(entry.played)), mimetype="text/html")


@page.get("/perchance-ai-api/challenged")
def challenged() -> Response:
    """Return a frame within the page that asks for a human check."""
    return challenge()


@page.get("/perchance-ai-api/make")
def make() -> Response:
    """Return the messages that the page posts, once they are ready; the real page's way to them is unknown."""
    board = state()
    query = {name: request.args[name] for name in request.args}
    with board.logged("make", dict(query)) as entry, board.in_flight():
        entry.played = board.draw("page")
        if entry.played in ("silent", "challenge_within"):
            return hang(entry)
        messages = _messages(entry, query)
        if not wait_connected(entry, board.scenario.delay):
            return client_gone()
        return json_reply(messages)


@uploads.get("/forger")
def forger() -> str:
    """Return a document of another origin that knows the id and posts a result of its own."""
    result = {"id": request.args["id"], "ok": True, "url": f"{upload_origin()}/forged.jpeg", "seed": 1}
    return FORGER.substitute(message=json.dumps({"api": API, "result": result}))


def _extra(played: str) -> str:
    if played == "challenge_within":
        return '<iframe src="/perchance-ai-api/challenged"></iframe>'
    if played == "advertisement":
        return f'<iframe src="/nothing-here"></iframe><iframe src="{NOWHERE}/"></iframe>'
    if played == "forged":
        return f'<iframe src="{upload_origin()}/forger?id={request.args["id"]}"></iframe>'
    return ""


def _messages(entry: LoggedRequest, query: dict[str, str]) -> list[dict[str, object]]:
    if query.get("resolution", RESOLUTIONS[0]) not in RESOLUTIONS:
        entry.played = "refused_400"
    if entry.played in POSTED_ERRORS:
        return [{"api": API, "result": {"ok": False, "id": query["id"], **POSTED_ERRORS[entry.played]}}]
    result = _result(entry, query)
    noise: list[dict[str, object]] = []
    if entry.played == "noise":
        noise = [
            {"api": "another-api", "result": {**result, "url": "https://user.uploads.dev/wrong.jpeg"}},
            {"api": API, "result": {**result, "id": "another"}},
            {"api": API},
        ]
    if entry.played == "forged":
        time.sleep(0.5)  # the forger posts first
    return [*noise, {"api": API, "result": result}]


def _result(entry: LoggedRequest, query: dict[str, str]) -> dict[str, object]:
    seed, resolution = chosen_seed(int(query.get("seed", "-1"))), query.get("resolution", "512x768")
    guidance, negative_prompt = float(query.get("guidanceScale", "7")), query.get("negativePrompt", "")
    width, height = (int(side) for side in resolution.split("x"))
    picture = painted(query["prompt"], negative_prompt, seed, guidance, (width, height))
    origin = NOWHERE if entry.played == "elsewhere" else upload_origin()
    return {
        "id": query["id"],
        "ok": True,
        "url": f"{origin}/{pictures().keep(picture)}.jpeg",
        "prompt": query["prompt"],
        "seed": seed,
        "resolution": resolution,
        "guidanceScale": guidance,
        "negativePrompt": negative_prompt,
        "removeBackground": False,
        "generator": "ai-image-generator",
        "generatedAt": int(time.time() * 1000),
        "timeMs": round(state().scenario.delay * 1000),
    }
