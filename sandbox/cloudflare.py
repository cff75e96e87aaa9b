"""Cloudflare Workers AI, as far as pictures need it.

    POST /cloudflare/accounts/<id>/ai/run/@cf/<maker>/<model>      a picture, or an envelope of errors

FLUX.1 schnell takes JSON of a prompt and steps and nothing else, FLUX.2 a form, both reply with base64; the Stable
Diffusion models take JSON and reply with raw bytes. Codes are those of
https://developers.cloudflare.com/workers-ai/platform/errors, messages as public code and issue threads quote them.
Unverified: which sizes FLUX.2 takes, the message of 4006, and whether Stable Diffusion costs neurons. Only the accounts
of one token are known.
"""

import base64
import json

from flask import Blueprint, Response, request
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.pictures import SPOILED, as_format, chosen_seed, handed_out, painted
from sandbox.replies import client_gone, hang, html_reply, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, state

TOKEN = "a-token-of-cloudflare"  # noqa: S105 - it opens nothing
ACCOUNT = "0123456789abcdef0123456789abcdef"
SCHNELL = "black-forest-labs/flux-1-schnell"
FORMS = tuple(f"black-forest-labs/flux-2-{name}" for name in ("klein-4b", "klein-9b", "dev"))
LEONARDO = ("leonardo/lucid-origin", "leonardo/phoenix-1.0")
RAW = (
    "stabilityai/stable-diffusion-xl-base-1.0",
    "bytedance/stable-diffusion-xl-lightning",
    "lykon/dreamshaper-8-lcm",
)
USED_UP = (
    "you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's Workers Paid plan "
    "if you would like to continue usage."
)
REFUSALS: dict[str, tuple[int, int, str]] = {
    "neurons_3036": (429, 3036, f"AiError: AiError: {USED_UP}"),
    "neurons_4006": (429, 4006, USED_UP),
    "no_capacity": (429, 3040, "AiError: AiError: No more data centers to forward the request to"),
    "nsfw": (400, 3030, "AiError: AiError: Input prompt contains NSFW content. (b2f9)"),
    "flagged": (400, 3030, "AiError: AiError: Your output has been flagged. Choose another prompt/input. (c1a0)"),
    "input_not_valid": (400, 3030, "AiError: AiError: Model input is not valid (77aa)"),
    "no_such_model": (400, 5007, "No such model @cf/black-forest-labs/flux-1-schnell or task"),
    "bad_data": (400, 5004, "AiError: Invalid data: Type mismatch of '/steps'"),
    "incomplete": (400, 3003, "AiError: Incomplete request"),
    "too_large": (413, 3006, "AiError: Request is too large"),
    "timeout": (408, 3007, "AiError: Timeout"),
    "aborted": (408, 3008, "AiError: Request was aborted"),
    "account_blocked": (403, 3023, "AiError: Account is blocked"),
    "account_not_allowed": (403, 3041, "AiError: Account not allowed"),
    "no_agreement": (403, 5016, "AiError: The account has not agreed to the model's terms"),
    "private_model": (403, 5018, "AiError: The account is not allowed to access this private model"),
    "unknown_id": (404, 3042, "AiError: Model ID not found"),
    "no_method": (405, 5019, "AiError: Deprecated SDK version"),
    "wrong_token": (401, 10000, "Authentication error"),
    "paid_plan": (403, 5035, "AiError: This model is only available on the Workers Paid plan"),
    "no_account": (400, 7003, "Could not route to /accounts/x, perhaps your object identifier is invalid?"),
    "failed": (500, 3043, "AiError: AiError: Internal server error"),
    "new_code": (400, 98765, "AiError: something new"),
    "flagged_without_code": (400, 99999, "Input prompt contains NSFW content"),
    "success_with_errors": (200, 3040, "AiError: AiError: No more data centers to forward the request to"),
    "success_used_up": (200, 4006, USED_UP),
}
DOCUMENTS: dict[str, object] = {
    "nothing": {"result": {}, "success": True, "errors": [], "messages": []},
    "no_codes": {"result": None, "success": False, "errors": [], "messages": []},
    "wrong_types": {"result": [7], "success": "yes", "errors": {"code": 3036}, "messages": 7},
    "not_base64": {"result": {"image": "\u00e9"}, "success": True, "errors": [], "messages": []},
}
FAULTS = Faults(
    (
        *(*REFUSALS, *DOCUMENTS, *SPOILED, "hang", "redirect", "html", "html_502", "deep"),
        *("too_many", "too_many_for_9"),  # HTTP 429 of the gateway, without an envelope
        "neurons_as_text",  # as Workers quote it, without an envelope
        *("raw_as_json", "json_as_picture"),  # a picture under the other media type
    ),
    by_chance=("no_capacity", "flagged", "failed", "html_502"),
)

cloudflare = Blueprint("cloudflare", __name__, url_prefix="/cloudflare")


class CloudflareScenario(Scenario):
    """What the stand-in plays."""

    cloudflare: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"CLOUDFLARE_URL": f"{addresses.site}/cloudflare"}


STAND_IN = StandIn(
    name="cloudflare",
    scenario=CloudflareScenario,
    faults={"cloudflare": FAULTS},
    blueprints=(cloudflare,),
    environment=_environment,
    keys={"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN},
)


@cloudflare.post("/accounts/<account>/ai/run/@cf/<path:model>")
def run(account: str, model: str) -> Response:
    """Return a picture."""
    board, fields = state(), _fields()
    with board.logged(
        "cloudflare", {"account": account, "model": model, "form": bool(request.form), **fields}
    ) as entry:
        entry.played = board.draw("cloudflare")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refused("wrong_token")
        if problem := _problem(model, fields):
            return _refused(problem)
        if fault := _fault(entry):
            return fault
        with board.in_flight():
            if not wait_connected(entry, board.scenario.delay):
                return client_gone()
        return _made(model, fields, entry.played)


def _fields() -> dict[str, object]:
    """Return the request's fields, of a form or of JSON."""
    if request.mimetype == "multipart/form-data":
        return dict(request.form)
    found = json.loads(request.get_data() or b"{}")
    return found if isinstance(found, dict) else {}


def _problem(model: str, fields: dict[str, object]) -> str | None:
    """Return the refusal of such a request, if the model refuses it."""
    if model not in (SCHNELL, *FORMS, *LEONARDO, *RAW):
        return "no_such_model"
    if bool(request.form) != (model in FORMS) or not 1 <= len(str(fields.get("prompt", ""))) <= 2048:
        return "bad_data"
    if model == SCHNELL and (fields.keys() - {"prompt", "steps"} or not 1 <= int(str(fields.get("steps", 4))) <= 8):
        return "bad_data"
    sides = [int(str(fields.get(side, 1024))) for side in ("width", "height")]
    return None if all(256 <= side <= 2048 for side in sides) else "bad_data"


def _fault(entry: LoggedRequest) -> Response | None:
    if entry.played in REFUSALS:
        return _refused(entry.played)
    if entry.played in DOCUMENTS:
        return json_reply(DOCUMENTS[entry.played])
    if entry.played == "hang":
        return hang(entry)
    if entry.played == "reset":
        return reset()
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": f"{request.host_url}cloudflare/elsewhere"})
    if entry.played.startswith("too_many"):
        headers = {"Retry-After": "9"} if entry.played == "too_many_for_9" else {}
        return Response("error code: 1015", 429, headers, mimetype="text/plain")
    if entry.played == "neurons_as_text":
        return Response(f"InferenceUpstreamError: 4006: {USED_UP}", 429, mimetype="text/plain")
    if entry.played == "deep":
        return Response("[" * 100_000, mimetype="application/json")
    if entry.played.startswith("html"):
        return html_reply("Bad gateway", 502 if entry.played == "html_502" else 200)
    return None


def _made(model: str, fields: dict[str, object], played: str) -> Response:
    size = int(str(fields.get("width", 1024))), int(str(fields.get("height", 1024)))
    seed, guidance = chosen_seed(int(str(fields.get("seed", -1)))), float(str(fields.get("guidance", 7.5)))
    file = painted(str(fields["prompt"]), str(fields.get("negative_prompt", "")), seed, guidance, size)
    if played == "json_as_picture" or (played != "raw_as_json" and model not in RAW):
        return _in_base64(handed_out(file, played).get_data(), played)
    file = file if model == RAW[1] else as_format(file, "png")  # lightning's is a JPEG that says image/png
    reply = handed_out(file, played)
    if (reply.mimetype or "").startswith("image/"):
        reply.mimetype = "application/json" if played == "raw_as_json" else "image/png"
    return reply


def _in_base64(file: bytes, played: str) -> Response:
    result = {"image": base64.b64encode(file).decode()}
    reply = json_reply({"result": result, "success": True, "errors": [], "messages": []})
    if played == "json_as_picture":
        reply.mimetype = "image/png"
    return reply


def _refused(word: str) -> Response:
    status, code, message = REFUSALS[word]
    errors = [{"code": code, "message": message}]
    return json_reply({"errors": errors, "success": False, "result": {}, "messages": []}, status)
