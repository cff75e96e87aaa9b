"""Errors as any client may see them: a problem with the operator's account is told by its code alone."""

from typing import TypeVar

from render_worker.contract import ErrorBody

OUT_OF_USE = "The engine cannot be used at the moment; its operator has to see to it."
# For these codes the worker's own sentences hold a service's words about the operator's account.
PUBLIC_SENTENCES = {
    "engine_unauthorized": OUT_OF_USE,
    "engine_quota_exhausted": "The engine's quota or budget is used up at the moment.",
    "engine_resting": "The engine is left alone for a while after failures.",
}
E = TypeVar("E", bound=ErrorBody)


def public_error(body: E) -> E:
    """Return an error with a sentence that any client may read."""
    if body.code not in PUBLIC_SENTENCES:
        return body
    return body.model_copy(update={"error": PUBLIC_SENTENCES[body.code]})
