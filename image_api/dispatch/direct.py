"""The direct dispatch: one HTTP request to one render worker for each generation."""

import re

import requests
from pydantic import TypeAdapter

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.replies import BROKEN_OFF, NOT_A_WORKER, error_of, parse_reply, read_body, read_lines
from image_api.dispatch.validation import checked_progress, checked_result
from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import DeadlinePassed, Relayed, UnknownToWorker, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.contract import (
    CLIENT_HEADER,
    NDJSON,
    ErrorLine,
    GenerateRequest,
    GenerateResult,
    Heartbeat,
    Progress,
    ResultLine,
    StreamLine,
)
from render_worker.serving.deadline import Deadline

REPLY_GRACE_SECONDS = 3.0  # the worker ends its work at the deadline; its reply about that needs a moment to get here
EARLY_SECONDS = 2.5  # by which the worker may be early: the last of several engines is ended that much before

NO_SIZES = re.compile(r'"(width|height|aspect_ratio)" is not a parameter here')  # says a worker that is older than they
NO_AUTO = re.compile(r"output_format must be one of png, jpeg, webp\.")  # and one that is older than `auto`
NO_PREFER = re.compile(r'"prefer" is not a parameter here')  # and one that chooses by the order of ENGINES alone
AS_PNG = {"output_format": "png", "output_compression": None}

STREAM_LINE: TypeAdapter[Progress | Heartbeat | ResultLine | ErrorLine] = TypeAdapter(StreamLine)


class DirectDispatch:
    """Sends generations to the render worker by HTTP. Thread-safe."""

    def __init__(self, worker: WorkerClient) -> None:
        self._worker = worker

    def generate(
        self, request: GenerateRequest, report: ReportProgress, client: str | None = None, abort: Abort | None = None
    ) -> GenerateResult:
        """Return the picture that the worker made, as `Dispatch.generate`.

        A request that is sent again costs no second picture: the worker knows it by its id (an idempotent retry).
        """
        deadline = Deadline.after(request.timeout_seconds)

        def attempt() -> GenerateResult:
            try:
                return self._send(request, deadline, report, client)
            except Relayed as error:
                if error.body().code == DeadlinePassed.code and deadline.later_by(-EARLY_SECONDS).expired:
                    # The request's own deadline, not that of one of its phases.
                    raise DeadlinePassed(str(error), error.body().fallback_from) from error
                if NO_SIZES.match(str(error)):
                    raise UnknownToWorker(_size_parameters(request)) from error
                raise

        return self._worker.cold_start.retry(attempt, deadline, report, abort)

    def stop(self) -> None:
        """End every wait for a worker that starts, and close the connections that are idle."""
        self._worker.stop()

    def _send(
        self, request: GenerateRequest, deadline: Deadline, report: ReportProgress, client: str | None
    ) -> GenerateResult:
        """Return the picture; from a worker of an older version a PNG in place of `auto`, or without `prefer`."""
        try:
            return self._send_once(request, deadline, report, client)
        except Relayed as error:
            if request.output_format == "auto" and NO_AUTO.match(str(error)):
                return self._send_once(request.model_copy(update=AS_PNG), deadline, report, client)
            if request.prefer and NO_PREFER.match(str(error)):
                result = self._send(request.model_copy(update={"prefer": None}), deadline, report, client)
                return result.model_copy(update={"ignored": sorted({*(result.ignored or ()), "prefer"})})
            raise

    def _send_once(
        self, request: GenerateRequest, deadline: Deadline, report: ReportProgress, client: str | None
    ) -> GenerateResult:
        remaining = deadline.remaining
        if not remaining:
            raise DeadlinePassed(f"The render worker did not answer within {request.timeout_seconds:g} seconds.")
        body = request.model_copy(update={"timeout_seconds": remaining}).model_dump_json(exclude_none=True).encode()
        headers = {"Accept": NDJSON}
        if client and self._worker.has_token:  # without a token a worker does not trust the header
            headers[CLIENT_HEADER] = client
        with self._worker.send("POST", "/generate", remaining + REPLY_GRACE_SECONDS, body, headers) as reply:
            try:
                return checked_result(_result_of(reply, deadline.later_by(REPLY_GRACE_SECONDS), report))
            except ValueError:  # a ValidationError is one
                raise WorkerUnavailable(NOT_A_WORKER.format(reply.status_code)) from None


def _size_parameters(request: GenerateRequest) -> list[str]:
    return request.size_names + (["aspect_ratio"] if request.aspect_ratio else [])


def _result_of(reply: requests.Response, deadline: Deadline, report: ReportProgress) -> GenerateResult:
    """Return the result of a reply, which is a whole one if the worker failed before there was any progress.

    Raises ValueError if a part of it is not a worker's.
    """
    if not reply.headers.get("Content-Type", "").startswith(NDJSON):
        return parse_reply(reply, read_body(reply, deadline), "/generate", GenerateResult)
    for text in read_lines(reply, deadline):
        line: Progress | Heartbeat | ResultLine | ErrorLine = STREAM_LINE.validate_json(text)
        if isinstance(line, Progress):
            report(checked_progress(line))
        elif isinstance(line, ResultLine):
            return line.result
        elif isinstance(line, ErrorLine):
            raise error_of(line.error, line.status)
    raise WorkerStarting(BROKEN_OFF)
