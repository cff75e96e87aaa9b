"""The codes and sentences of the errors that Werkzeug raises, by their statuses: both tiers answer them alike."""

from render_worker.contract import MAX_BODY_BYTES

HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    412: "precondition_failed",
    413: "too_large",
    416: "range_not_satisfiable",
}
SENTENCES = {
    408: "The body did not come in time.",
    412: "The picture is none of those that If-Match names.",
    413: f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
}
