"""The errors of the selection, and of what a picture shows."""

from render_worker.contract import ErrorBody
from render_worker.errors import ContentRefused, EngineError, WorkerError


class TooSlow(WorkerError):
    """Raised if every engine's expected latency exceeds the request's `within`."""

    code = "too_slow"
    status = 503
    hint = "Ask with a larger within, or without."

    def __init__(self, sentence: str, expected_seconds: int) -> None:
        super().__init__(sentence)
        self.expected_seconds = expected_seconds

    def body(self, request_id: str | None = None) -> ErrorBody:
        return super().body(request_id).model_copy(update={"expected_seconds": self.expected_seconds})


class EngineStarting(EngineError):
    """Why model=auto passes over an engine that still starts, as Perchance's browser does: another one is sooner."""

    code = "engine_starting"
    status = 503
    hint = "Ask again in a moment."


class NsfwRefused(ContentRefused):
    """Raised if the engine flags its picture and NSFW is refuse: it is not stored, and no other engine is asked."""

    code = "nsfw_refused"
    hint = "Change the prompt."
