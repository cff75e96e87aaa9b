"""What Replicate answers instead of what it should: refusals, failures of a prediction, and nonsense."""

import json

from flask import Response, request

from sandbox.callers import still_there
from sandbox.control import switchboard
from sandbox.pictures import reset
from sandbox.switchboard import Asked

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


def odd(entry: Asked, part: str) -> Response | None:
    """What the scenario has this part of the API answer instead of what it should."""
    board = switchboard()
    word = board.scenario.replicate
    first = word.partition("_")[0]
    if (first if first in PARTS else "") == part:
        entry.played = board.behaviour("replicate")
    if not request.headers.get("Authorization", "").removeprefix("Bearer").strip():
        entry.played = "unauthorized"
    how = entry.played.removeprefix(f"{part}_")
    if how in REFUSALS:
        return refused(how)
    if how == "hang":
        still_there(entry)
        return Response(status=499)
    if how == "reset":
        return reset()
    others = {
        "html_502": Response("<!DOCTYPE html><title>Bad gateway</title>", 502, mimetype="text/html"),
        "not_json": Response("<!DOCTYPE html><title>Replicate</title>", mimetype="text/html"),
        "a_list": Response("[1, NaN]", mimetype="application/json"),
        "redirect": Response(status=302, headers={"Location": f"{request.host_url}replicate/v1/predictions"}),
    }
    return Response(" " * HUGE_BYTES) if how == "huge" else others.get(how)


def refused(word: str) -> Response:
    """One of the refusals."""
    status, document = REFUSALS[word]
    return answer(document, status)


def answer(document: object, status: int = 200) -> Response:
    """A document as JSON."""
    return Response(json.dumps(document), status, mimetype="application/json")
