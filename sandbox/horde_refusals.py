"""How AI Horde's stand-in refuses requests, and why."""

import time

from flask import Response

from sandbox.horde_models import limit_of, wants_kudos
from sandbox.replies import hang, html_reply, json_reply
from sandbox.state import LoggedRequest

MULTIPLE, LEAST, MOST = 64, 64, 3072  # of a side in pixels, by horde/apis/models/stable_v2.py
REFUSALS: dict[str, tuple[int, str, str]] = {
    "corrupt_prompt": (400, "CorruptPrompt", "This prompt appears to violate our terms of service."),
    "maintenance": (400, "MaintenanceMode", "AI Horde has entered maintenance mode. Please try again later."),
    "invalid_key": (401, "InvalidAPIKey", "No user matching sent API Key."),
    "kudos_upfront": (403, "KudosUpfront", "Due to heavy demand, the client needs to already have the required kudos."),
    "timeout_ip": (
        403,
        "TimeoutIP",
        "Due to abuse prevention, your IP address has been put into timeout for 77 more seconds.",
    ),
    "too_many_prompts": (429, "TooManyPrompts", "Too many anonymous requests on using the AI Horde currently (31/30)."),
    "too_fast": (429, "", "2 per 1 second"),  # its limiter's words, without a code
}
RETRY_AFTER = {"too_fast_for_20": "20", "too_fast_for_2": "2"}  # as too_fast, with that header
RESET_SECONDS = 2  # of "too_fast_until": as too_fast, with the time of its end
SUBMISSION_FAULTS = (*REFUSALS, *RETRY_AFTER, "too_fast_until", "html_502", "hang")


def submission_fault(entry: LoggedRequest) -> Response | None:
    """Return the response of a fault at the submission; returns None if the request is to be looked at."""
    if entry.played in REFUSALS:
        return refusal(*REFUSALS[entry.played])
    if entry.played in RETRY_AFTER:
        limited = refusal(*REFUSALS["too_fast"])
        limited.headers["Retry-After"] = RETRY_AFTER[entry.played]
        return limited
    if entry.played == "too_fast_until":
        limited = refusal(*REFUSALS["too_fast"])
        limited.headers["X-RateLimit-Reset"] = str(int(time.time()) + RESET_SECONDS)
        return limited
    if entry.played == "html_502":
        return html_reply("Bad gateway", 502)
    return hang(entry) if entry.played == "hang" else None


def kudos_refusal(body: dict[str, object], side: int) -> Response | None:
    """Return the response to a request that wants kudos; None if it does not."""
    params, named = body["params"], body.get("models")
    assert isinstance(params, dict)  # noqa: S101 - problem_of has checked it
    names = named if isinstance(named, list) else []
    if body.get("allow_downgrade") and not names:
        return internal_error()  # it takes the least of an empty list
    size, steps = (params.get("width", 512), params.get("height", 512)), params.get("steps", 30)
    if not side or not wants_kudos(size, steps, side, names):
        return None
    limit = limit_of(side, names)
    return refusal(403, "KudosUpfront", f"Due to heavy demand, for requests over {limit}x{limit} or over 50 steps …")


def problem_of(body: dict[str, object]) -> tuple[str, str] | None:
    """Return the code and sentence with which the service refuses such a request, if it does."""
    params = body.get("params")
    if not isinstance(params, dict) or not body.get("prompt"):
        return "MissingPrompt", "You cannot specify an empty prompt."
    sides = [int(params.get(side, 512)) for side in ("width", "height")]
    if not all(LEAST <= side <= MOST for side in sides):
        return "", "Input payload validation failed"
    if any(side % MULTIPLE for side in sides):
        return "InvalidSize", "Invalid size. The image dimensions have to be multiples of 64."
    scale = float(params.get("cfg_scale", 7.5))
    if round(scale, 2) != scale:
        return "BadCFGDecimals", "cfg_scale must be rounded to 2 decimal places"
    return None


def not_found(job: str, of: str) -> Response:
    """Return the response to a question about a request that it does not have."""
    return refusal(404, "RequestNotFound", f"Image Waiting Prompt ({of}) with ID '{job}' not found.")


def internal_error() -> Response:
    """Return the response of a server that failed."""
    return Response("Internal Server Error", 500, mimetype="text/html")


def refusal(status: int, code: str, message: str) -> Response:
    """Return a refusal, with its code if it has one."""
    return json_reply({"message": message, **({"rc": code} if code else {})}, status)
