"""The site's own page for outside apps, as five independent public clients described it in autumn 2026.

    GET /                          the front page, which clients frame once before the first picture
    GET /perchance-ai-api?prompt=  a page that makes a picture and posts its address to the document that framed it

Pictures lie on a host of their own, which sends no CORS headers. Behaviours of the page:

    ok, silent (never posts), hang, challenge, error_500, refused_400, refused_429, refused_500, refused_999
    challenge_within    a human check in a frame of its own
    advertisement       a frame that fails, as a blocked one does
    noise               messages that are not meant for the client come first
    forged              another host posts first
    elsewhere           a picture on a host that no client may fetch from
"""

import json
import time
from string import Template

from flask import Blueprint, Response, request

from sandbox.callers import still_there
from sandbox.control import painted, pictures, switchboard
from sandbox.perchance import challenge
from sandbox.pictures import chosen_seed, handed_out
from sandbox.settings import Settings
from sandbox.switchboard import Asked

API = "perchance-image-api"
REFUSED = {
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

page = Blueprint("page", __name__)
uploads = Blueprint("uploads", __name__)


@page.get("/")
def front_page() -> str:
    """The site itself."""
    return "<!DOCTYPE html><title>Perchance</title>"


@page.get("/perchance-ai-api")
def api_page() -> Response:
    """The page, or what stands before it."""
    board = switchboard()
    with board.asked("page") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.scenario.page
        if entry.played == "challenge":
            return challenge()
        if entry.played == "error_500":
            return Response("<!DOCTYPE html><title>Error</title>", 500, mimetype="text/html")
        if entry.played == "hang":
            still_there(entry)
            return Response(status=499)
        to_parent = json.dumps(board.scenario.post_to == "parent")
        return Response(PAGE.substitute(to_parent=to_parent, extra=_extra(entry.played)), mimetype="text/html")


@page.get("/perchance-ai-api/challenged")
def challenged() -> Response:
    """A frame within the page that asks for a human check."""
    return challenge()


@page.get("/perchance-ai-api/make")
def make() -> Response:
    """The messages that the page posts, when they are ready. How the real page gets them is nobody's business."""
    board = switchboard()
    asked = {name: request.args[name] for name in request.args}
    with board.asked("make", dict(asked)) as entry, board.in_flight():
        entry.played = board.behaviour("page")
        if entry.played in ("silent", "challenge_within"):
            still_there(entry)
            return Response(status=499)
        messages = _messages(entry, asked)
        if not still_there(entry, board.scenario.delay):
            return Response(status=499)
        return Response(json.dumps(messages), mimetype="application/json")


@uploads.get("/<name>.jpeg")
def upload(name: str) -> Response:
    """A picture on the upload host; no header lets another origin's script read it."""
    board = switchboard()
    with board.asked("upload") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.behaviour("upload")
        if entry.played == "hang":
            still_there(entry)
            return Response(status=499)
        if entry.played == "redirect":
            return Response(status=302, headers={"Location": f"{upload_origin()}/{name}.jpeg?again"})
        return handed_out(pictures().find(name), entry.played)


@uploads.get("/forger")
def forger() -> str:
    """A document of another origin that knows the id and posts a result of its own."""
    result = {"id": request.args["id"], "ok": True, "url": f"{upload_origin()}/forged.jpeg", "seed": 1}
    return FORGER.substitute(message=json.dumps({"api": API, "result": result}))


def _extra(played: str) -> str:
    if played == "challenge_within":
        return '<iframe src="/perchance-ai-api/challenged"></iframe>'
    if played == "advertisement":
        return '<iframe src="/nothing-here"></iframe><iframe src="http://127.0.0.1:9/"></iframe>'
    if played == "forged":
        return f'<iframe src="{upload_origin()}/forger?id={request.args["id"]}"></iframe>'
    return ""


def _messages(entry: Asked, asked: dict[str, str]) -> list[dict[str, object]]:
    if entry.played in REFUSED:
        return [{"api": API, "result": {"ok": False, "id": asked["id"], **REFUSED[entry.played]}}]
    result = _result(entry, asked)
    noise: list[dict[str, object]] = []
    if entry.played == "noise":
        noise = [
            {"api": "another-api", "result": {**result, "url": "https://user.uploads.dev/wrong.jpeg"}},
            {"api": API, "result": {**result, "id": "another"}},
            {"api": API},
        ]
    if entry.played == "forged":
        time.sleep(0.5)  # the forger speaks first
    return [*noise, {"api": API, "result": result}]


def _result(entry: Asked, asked: dict[str, str]) -> dict[str, object]:
    seed = chosen_seed(int(asked.get("seed", "-1")))
    guidance = float(asked.get("guidanceScale", "7"))
    resolution = asked.get("resolution", "512x768")
    width, height = (int(side) for side in resolution.split("x"))
    picture = painted(asked["prompt"], asked.get("negativePrompt", ""), seed, guidance, (width, height))
    origin = "http://127.0.0.1:9" if entry.played == "elsewhere" else upload_origin()
    return {
        "id": asked["id"],
        "ok": True,
        "url": f"{origin}/{pictures().keep(picture)}.jpeg",
        "prompt": asked["prompt"],
        "seed": seed,
        "resolution": resolution,
        "guidanceScale": guidance,
        "negativePrompt": asked.get("negativePrompt", ""),
        "removeBackground": False,
        "generator": "ai-image-generator",
        "generatedAt": int(time.time() * 1000),
        "timeMs": round(switchboard().scenario.delay * 1000),
    }


def upload_origin() -> str:
    """The origin of the host on which pictures lie."""
    return f"http://127.0.0.1:{Settings().sandbox_upload_port}"
