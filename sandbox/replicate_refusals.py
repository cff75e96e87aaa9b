"""The faults of Replicate's API: refusals, failures of a prediction, and responses that make no sense."""

from flask import Response, request
from pydantic import Field

from sandbox.replies import hang, html_reply, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.state import LoggedRequest, state

BRIEF_SECONDS = 1
HUGE_BYTES = 20 * 1024 * 1024
PARTS = ("model", "poll", "cancel")
THROTTLED = "Request was throttled. Your rate limit resets in ~{}s."
REFUSALS: dict[str, tuple[int, dict[str, object]]] = {
    "unauthorized": (
        401,
        {"title": "Unauthenticated", "detail": "You did not pass a valid authentication token", "status": 401},
    ),
    "forbidden": (403, {"detail": "You do not have permission to perform this action.", "status": 403}),
    "no_credit": (
        402,
        {
            "title": "Insufficient credit",
            "detail": "You have insufficient credit to run this model. Go to "
            "https://replicate.com/account/billing#billing to purchase credit.",
            "status": 402,
        },
    ),
    "missing": (404, {"detail": "The requested resource could not be found."}),
    "throttled": (429, {"detail": THROTTLED.format(30)}),
    "throttled_briefly": (429, {"detail": THROTTLED.format(BRIEF_SECONDS)}),
    "throttled_absurd": (429, {"detail": THROTTLED.format(999_999_999)}),
    "throttled_silent": (429, {}),
    "internal": (500, {"title": "Internal server error", "detail": "Something went wrong", "status": 500}),
    "invalid": (422, {"title": "Input validation failed", "detail": "- input: of no use\n", "status": 422}),
    "unavailable": (503, {"detail": "Service is temporarily unavailable."}),
}
FAILURES = {
    "failed": "CUDA out of memory. Tried to allocate 2.00 GiB",
    "nsfw": "NSFW content detected. Try running it again, or try a different prompt.",
    "sensitive": "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (abc)",
    "interrupted": "Prediction interrupted; please retry (code: PA)",
    "director": "Director: unexpected error handling prediction (E9828)",
}


ODD_REPLIES = ("hang", "reset", "html_502", "not_json", "a_list", "huge", "redirect")
PART_FAULTS = (*REFUSALS, *ODD_REPLIES)
"""At a creation; at the other parts of the API they are played after the part's name, as `poll_hang`."""


class ReplicateScenario(Scenario):
    """What the stand-in plays."""

    replicate: str = Field("ok", description='"ok" or a fault')


def fault(entry: LoggedRequest, part: str) -> Response | None:
    """Return the response of a fault at this part of the API; returns None if none is played there."""
    board = state()
    first = board.fields(ReplicateScenario).replicate.partition("_")[0]
    if (first if first in PARTS else "") == part:
        entry.played = board.draw("replicate")
    if not request.headers.get("Authorization", "").removeprefix("Bearer").strip():
        entry.played = "unauthorized"
    word = entry.played.removeprefix(f"{part}_")
    if word in REFUSALS:
        return refused(word)
    if word == "hang":
        return hang(entry)
    return reset() if word == "reset" else _odd_reply(word)


def _odd_reply(word: str) -> Response | None:
    if word == "huge":
        return Response(" " * HUGE_BYTES)
    replies = {
        "html_502": html_reply("Bad gateway", 502),
        "not_json": html_reply("Replicate"),
        "a_list": Response("[1, NaN]", mimetype="application/json"),
        "redirect": Response(status=302, headers={"Location": f"{request.host_url}replicate/v1/predictions"}),
    }
    return replies.get(word)


def refused(word: str) -> Response:
    """Return one of the refusals."""
    status, document = REFUSALS[word]
    return json_reply(document, status)
