"""schemathesis' checks, but for what the document cannot say: each exception has its reason.

An exception is about a check and a response, not about an operation: what else an operation answers stays checked.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

CheckFunction = Callable[[Any, Any, Any], bool | None]
# Excluded altogether, each for its reason.
EXCLUDED = {
    # Values are read as clients write them: "42" is 42, TRUE is true, null is as left out, trackers are ignored; a
    # schema that said so would hide the type. tests/api/test_values.py has what is refused.
    "negative_data_rejection": "the document names the types of values, the service reads other spellings too",
    "use_after_free": "DELETE cancels a job, and its status can be asked for afterwards",
    "positive_data_acceptance": "has its exceptions below",
    "not_a_server_error": "has its exceptions below",
    "ignored_auth": "is for one credential at a time, below",
}


class Excuse(NamedTuple):
    """A response that is right though the check says that it is not."""

    reason: str
    status: int
    text: str
    """A regular expression that its body has."""


CONTRADICTIONS = (
    r"(width|height) is required with ",
    r"\w+ must be left out with \w+, which (gives it|is another name of it)",
    r"aspect_ratio must (be that of the width and height|give a (width|height) from )",
    r"shape must be \w+ with this size",
    r"output_compression must be .* 100 with png",
    r"(within|prefer) (must be .* it )?only goes with model=auto",
    r"strength goes with image only",
    r"lora_scale goes with lora_path only",
    r"seed must be \d+ at most with ",
    r"(negative_)?prompt must be [\d,]+ characters at most with the style",
    r"response_format=b64_json adds to JSON",
    r"is one picture",
)
REFUSED = (
    Excuse("fields that contradict each other: a schema says one field at a time", 400, "|".join(CONTRADICTIONS)),
    Excuse("a range of ratios, which a pattern of characters cannot say", 400, "aspect_ratio must be auto, a ratio"),
    Excuse("a name that no model has: the document does not list the enabled ones", 400, "model(_id)? must be "),
    Excuse("a LoRA's name with dots alone, which no short pattern can rule out", 400, "lora_path must be "),
    Excuse("what the model that is named cannot do, as its `honours` say", 400, " cannot be honoured by "),
    Excuse("what OpenAI's clients may send and no engine here does", 400, '"code":"unsupported"'),
    Excuse("a file that is no picture, or text that is no picture in base64", 400, "(image|mask)[^.]* (must be|is) "),
    Excuse("a time, and the cursor of a page, which no pattern can say", 400, "(since|until|cursor) must be"),
    Excuse("a key in visible ASCII without commas: the document says it in words", 400, "Idempotency-Key must be"),
    Excuse("a key that came with another request before", 422, '"code":"idempotency_key_reused"'),
    Excuse("webhooks need a secret of the operator's", 400, "webhook_url (cannot be honoured|must be|goes with)"),
    Excuse("a WebSocket's address, which OpenAPI can only describe as a GET", 426, '"code":"websocket_only"'),
    Excuse("an If-Match that is made up, of a picture that a job made", 412, '"code":"precondition_failed"'),
    Excuse("the stream of an id that is made up", 410, '"code":"stream_lost"'),
)
FAILED = (
    Excuse("what needs the engine diffusers, which is not enabled here", 503, '"code":"engine_not_configured"'),
    Excuse("a refusal: no engine can be done within that time", 503, '"code":"too_slow"'),
    Excuse("slots are taken: a retry after some seconds gets the picture", 503, '"code":"(service|worker)_busy"'),
)


def _excused(excuses: tuple[Excuse, ...], response: Any) -> bool:
    text = response.content.decode(errors="replace")
    return any(response.status_code == it.status and re.search(it.text, text) for it in excuses)


@schemathesis.check
def accepted_unless_excused(ctx: Any, response: Any, case: Any) -> bool | None:
    """Fail if data that fit the document are refused without an excuse."""
    return None if _excused(REFUSED, response) else positive_data_acceptance(ctx, response, case)


@schemathesis.check
def no_fault_unless_excused(ctx: Any, response: Any, case: Any) -> bool | None:
    """Fail if the response is a fault of the service."""
    return None if _excused(FAILED, response) else not_a_server_error(ctx, response, case)


@schemathesis.check
def one_credential_is_checked(ctx: Any, response: Any, case: Any) -> bool | None:
    """Fail if a wrong credential is accepted, or none; beside a right key any other Authorization may stand."""
    sent = response.request.headers
    return None if "Authorization" in sent and "X-API-Key" in sent else ignored_auth(ctx, response, case)
