"""The errors that ComfyUI's replies and events mean. Its own source has them: https://github.com/comfyanonymous/ComfyUI
(server.py, execution.py)."""

import re
from collections.abc import Iterator

import httpx

from render_worker.errors import (
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.exchange import Reply
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import retry_after

MAX_RETRY_AFTER_SECONDS = 3600
IDENTIFIER = re.compile(r"\w{1,100}", re.ASCII)
UNLISTED = re.compile(r"(\w{1,100}): .* not in \(list of length", re.ASCII | re.DOTALL)  # if there are more than 20
MAX_WORDS = 600  # it lists the models that exist
OF_THE_REQUEST = ("value_smaller_than_min", "value_bigger_than_max", "invalid_input_type")
"""Errors of a node's input that another request may not meet; all others are the workflow's, or of a setting."""


def error_of_reply(reply: Reply) -> EngineError:
    """Return the error that a refusal means."""
    if reply.status == httpx.codes.BAD_REQUEST:
        return _error_of_validation(reply.document)
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:  # it has no limit itself: a proxy before it does
        seconds = retry_after(reply.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
        return EngineRateLimited("ComfyUI's server limits how often this worker may ask.", seconds)
    if reply.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(f"ComfyUI's server answered HTTP {reply.status}: look at COMFYUI_TOKEN.")
    if reply.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return RequestInvalid("ComfyUI's server takes no image of that many bytes.")
    if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return EngineBusy(f"ComfyUI's server answered HTTP {reply.status}.")
    return UnexpectedReply(f"ComfyUI's server answered HTTP {reply.status}: look at COMFYUI_URL.")


def unlisted_input(document: dict[str, object]) -> tuple[str, str] | None:
    """Return class and input of a node of which a refusal only counts the values that there are; None if of none."""
    for _, node in _node_errors(document.get("node_errors")):
        for error in _errors_of(node):
            kind, details = node.get("class_type"), error.get("details")
            found = UNLISTED.match(details) if isinstance(details, str) else None
            if found and isinstance(kind, str) and IDENTIFIER.fullmatch(kind):
                return kind, found[1]
    return None


def error_of_nodes(node_errors: object, output: str) -> EngineError | None:
    """Return the error of an accepted workflow that will not be run up to its output; None if it will."""
    hindering = [it for it in _node_errors(node_errors) if output in (it[0], *_outputs_of(it[1]))]
    return _error_of_nodes(dict(hindering)) if hindering else None


def error_of_execution(data: dict[str, object]) -> EngineError:
    """Return the error that an execution_error means."""
    if str(data.get("exception_type")).endswith("OutOfMemoryError"):
        return EngineBusy("ComfyUI ran out of memory at the picture.")
    node = f"{_node(data.get('node_id'))} ({repeatable(data.get('node_type'))})"
    return EngineError(f'ComfyUI failed at {node}: "{repeatable(data.get("exception_message"))}".')


def error_of_interruption() -> EngineError:
    """Return the error of a picture that someone else interrupted."""
    return EngineError("The picture was interrupted at ComfyUI.")


def _error_of_validation(document: dict[str, object]) -> EngineError:
    if any(True for _ in _node_errors(document.get("node_errors"))):
        return _error_of_nodes(document["node_errors"])
    error = document.get("error")
    details = error if isinstance(error, dict) else {"message": error}
    words = f"{repeatable(details.get('message'))} {repeatable(details.get('details'))}".strip()
    return EngineNotConfigured(f'ComfyUI does not accept the workflow: "{words}".')


def _error_of_nodes(node_errors: object) -> EngineError:
    """Return the error of the first node that is refused; one that only the operator can mend comes first."""
    found = [(node, it, error) for node, it in _node_errors(node_errors) for error in _errors_of(it)]
    node, it, error = min(found, key=lambda each: each[2].get("type") in OF_THE_REQUEST, default=("", {}, {}))
    message, details = repeatable(error.get("message")), repeatable(error.get("details"), MAX_WORDS)
    words = f'ComfyUI refuses {_node(node)} ({repeatable(it.get("class_type"))}): "{message}: {details}".'
    return RequestInvalid(words) if error.get("type") in OF_THE_REQUEST else EngineNotConfigured(words)


def _node_errors(node_errors: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(node_errors, dict):  # an empty list if there are none
        yield from ((node, it) for node, it in node_errors.items() if isinstance(it, dict))


def _errors_of(node: dict[str, object]) -> list[dict[str, object]]:
    errors = node.get("errors")
    return [it for it in errors if isinstance(it, dict)] if isinstance(errors, list) else []


def _outputs_of(node: dict[str, object]) -> list[object]:
    outputs = node.get("dependent_outputs")
    return outputs if isinstance(outputs, list) else []


def _node(node: object) -> str:
    return f"node {repeatable(str(node))}"
