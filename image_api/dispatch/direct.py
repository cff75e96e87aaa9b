"""The direct dispatch: one HTTP request to one render worker for each generation."""

import re
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.billing import Billing, WorkerOutdated
from image_api.dispatch.cancellation_sender import CancellationSender
from image_api.dispatch.client_requests import ClientRequests
from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.image_form import ImageForm, ImageUnknownToWorker, refuses_images
from image_api.dispatch.replies import (
    BROKEN_OFF,
    MAX_REPLY_BYTES,
    NOT_A_WORKER,
    REPLY_TOO_LARGE,
    error_of,
    parse_reply,
    read_body,
    read_lines,
)
from image_api.dispatch.validation import checked_progress, checked_result
from image_api.dispatch.worker_client import WorkerClient
from image_api.dispatch.worker_connection import Body
from image_api.errors import (
    ApiError,
    DeadlinePassed,
    Relayed,
    UnknownToWorker,
    WorkerUnavailable,
)
from image_api.outbound.abort import Abort
from image_api.outbound.reply import WorkerReply
from image_api.sent_images import SentImage
from render_worker.contract import (
    DIFFUSION_NAMES,
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

# Says a worker that is older than they.
NO_SIZES = re.compile(r'"(width|height|aspect_ratio)" is not a parameter here')
NO_DIFFUSION = re.compile(rf'"({"|".join(sorted(DIFFUSION_NAMES))})" is not a parameter here')
NO_AUTO = re.compile(r"output_format must be one of png, jpeg, webp\.")  # and one that is older than `auto`
NO_WISH = re.compile(r'"(previews|prefer)" is not a parameter here')  # and one that has none, or asks engines in order
NO_PRICE = re.compile(r'"max_price" is not a parameter here')  # and one that makes pictures at any price
WORKER_BUSY = "worker_busy"
AS_PNG = {"output_format": "png", "output_compression": None}

STREAM_LINE: TypeAdapter[Progress | Heartbeat | ResultLine | ErrorLine] = TypeAdapter(StreamLine)


class DirectDispatch:
    """Sends generations to the render worker by HTTP. Thread-safe."""

    def __init__(self, worker: WorkerClient) -> None:
        self._worker = worker
        self._cancellations = CancellationSender(worker.cancel)
        self._client_requests = ClientRequests()

    def generate(
        self,
        request: GenerateRequest,
        report: ReportProgress,
        client: str | None = None,
        abort: Abort | None = None,
        image: SentImage | None = None,
        *,
        repeated: bool = False,
    ) -> GenerateResult:
        """Return the picture that the worker made, as `Dispatch.generate`.

        A request that is sent again costs no second picture: the worker knows it by its id (an idempotent retry).
        """
        job = Job(request, Deadline.after(request.timeout_seconds), report, client, image, Billing(request.max_price))
        try:
            return self._worker.cold_start.retry(lambda: self.attempt(job), job.deadline, report, abort)
        except ApiError as error:
            if error.body().code == WORKER_BUSY:
                self._client_requests.hold_back(self._known(job.client), job.deadline)
            raise job.billing.as_failure(error) from error.__cause__

    def attempt(self, job: "Job") -> GenerateResult:
        """Return the picture of one attempt, with the cost of those before it.

        Raises WorkerStarting if the worker may be in a cold start.
        """
        try:
            return job.billing.with_total(self._attempt(job))
        except ApiError as error:
            job.billing.note_error(error)
            raise

    def _attempt(self, job: "Job") -> GenerateResult:
        try:
            return self._send(job)
        except Relayed as error:
            if error.body().code == DeadlinePassed.code and job.deadline.later_by(-EARLY_SECONDS).expired:
                # The request's own deadline, not that of one of its phases.
                raise DeadlinePassed(str(error), error.body().fallback_from) from error
            if job.image and refuses_images(error):
                raise ImageUnknownToWorker from error
            if NO_PRICE.match(str(error)):
                raise WorkerOutdated from error
            if NO_SIZES.match(str(error)):
                raise UnknownToWorker(_size_parameters(job.request)) from error
            if NO_DIFFUSION.match(str(error)):
                raise UnknownToWorker(job.request.diffusion_names) from error
            raise

    def cancel(self, request_id: str) -> None:
        """Tell the worker in the background that a request is cancelled; one of an older version goes on with it."""
        self._cancellations.add(request_id)

    def stop(self) -> None:
        """End every wait for a worker that starts, and close the connections that are idle."""
        self._worker.stop()

    def _send(self, job: "Job") -> GenerateResult:
        """Return the picture; a PNG, or without `previews` or `prefer`, if the worker is of an older version."""
        try:
            return self._send_once(job)
        except Relayed as error:
            older = _without_unknown(job.request, str(error))
            if older is None:
                raise
        result = self._send(replace(job, request=older))
        if job.request.prefer == older.prefer:
            return result
        return result.model_copy(update={"ignored": sorted({*(result.ignored or ()), "prefer"})})

    def _known(self, client: str | None) -> str | None:
        """Return the client, if the worker knows it as well: without a token it does not trust the headers."""
        return client if self._worker.has_token else None

    def _send_once(self, job: "Job") -> GenerateResult:
        remaining = job.deadline.remaining
        if not remaining:
            raise DeadlinePassed(f"The render worker did not answer within {job.request.timeout_seconds:g} seconds.")
        body, headers = job.body(remaining)
        with (
            self._client_requests.headers(self._known(job.client)) as of_client,
            self._worker.send("POST", "/generate", remaining + REPLY_GRACE_SECONDS, body, headers | of_client) as reply,
        ):
            try:
                return checked_result(_result_of(reply, job.deadline.later_by(REPLY_GRACE_SECONDS), job.report))
            except ValueError:  # a ValidationError is one
                raise WorkerUnavailable(NOT_A_WORKER.format(reply.status_code)) from None


@dataclass(frozen=True)
class Job:
    """One generation, as it is sent once or more."""

    request: GenerateRequest
    deadline: Deadline
    report: ReportProgress
    client: str | None
    image: SentImage | None
    billing: Billing

    def body(self, seconds: float) -> tuple[Body, dict[str, str]]:
        """Return the body with so many seconds left, and its headers."""
        timed = self.billing.bounded(self.request).model_copy(update={"timeout_seconds": seconds})
        text, headers = timed.model_dump_json(exclude_none=True).encode(), {"Accept": NDJSON}
        if not self.image:
            return text, headers
        form = ImageForm(text, self.image)
        return form, {**headers, "Content-Type": form.content_type}


def _without_unknown(request: GenerateRequest, refusal: str) -> GenerateRequest | None:
    """Return the request without what a refusal shows that an older worker does not know; None if it shows nothing."""
    if request.output_format == "auto" and NO_AUTO.match(refusal):
        return request.model_copy(update=AS_PNG)
    unknown = NO_WISH.match(refusal)
    if unknown and getattr(request, unknown[1]) is not None:
        return request.model_copy(update={unknown[1]: None})
    return None


def _size_parameters(request: GenerateRequest) -> list[str]:
    return request.size_names + (["aspect_ratio"] if request.aspect_ratio else [])


def _result_of(reply: WorkerReply, deadline: Deadline, report: ReportProgress) -> GenerateResult:
    """Return the result of a reply, which is a whole one if the worker failed before there was any progress.

    Raises ValueError if a part of it is not a worker's.
    """
    if not reply.headers.get("Content-Type", "").startswith(NDJSON):
        return parse_reply(reply, read_body(reply, deadline), "/generate", GenerateResult)
    size = 0
    for text in read_lines(reply, deadline):
        line: Progress | Heartbeat | ResultLine | ErrorLine = STREAM_LINE.validate_json(text)
        if isinstance(line, Progress):
            report(checked_progress(line))
        elif isinstance(line, ResultLine):
            return line.result
        elif isinstance(line, ErrorLine):
            raise error_of(line.error, line.status)
        size += len(text) - len(line.preview or "" if isinstance(line, Progress) else "")  # of them one is kept
        if size > MAX_REPLY_BYTES:
            raise WorkerUnavailable(REPLY_TOO_LARGE)
    raise WorkerStarting(BROKEN_OFF)
