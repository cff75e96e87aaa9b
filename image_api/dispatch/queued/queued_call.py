"""One generation by the queue: it is published, waited for, and published again if it is lost."""

import contextlib
import time
from dataclasses import dataclass
from uuid import uuid4

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.billing import Billing
from image_api.dispatch.queued.absence import Absence
from image_api.dispatch.queued.failures import QUEUE_FAILURES, QueueUnavailable, Trouble, reaching_queue
from image_api.dispatch.queued.inbox import Inbox, Message, Sent
from image_api.dispatch.queued.losses import Found, OpenRequest
from image_api.dispatch.queued.queue import CeleryQueue
from image_api.dispatch.queued.retried_sends import RetriedSends
from image_api.dispatch.queued.turns import Send
from image_api.dispatch.queued.waiting_calls import WaitingCalls
from image_api.dispatch.validation import checked_progress
from image_api.errors import ApiError, DeadlinePassed, Stopping, WorkerUnavailable
from image_api.outbound.abort import Abort
from image_api.sent_images import SentImage
from render_worker.contract import (
    ErrorLine,
    GenerateRequest,
    Progress,
    QueuedRequest,
    QueueNews,
    QueueProgress,
    ResultLine,
)
from render_worker.serving.deadline import Deadline

TICK_SECONDS = 0.5  # after which a call that is told nothing looks about
REPLY_GRACE_SECONDS = 3.0  # a Celery worker ends its work at the deadline; what it tells of that needs a moment
MAX_LOSSES = 3
WAITS = "The request waits in the queue for a Celery worker."
NOT_SERVED = "No Celery worker takes requests of the queue {} at the moment."
LOST = f"The Celery workers that made this picture were lost, {MAX_LOSSES + 1} of them one after the other."
LATE = "No Celery worker {} this picture within {:g} seconds."


@dataclass(frozen=True)
class Tools:
    """What all calls of a process share. Thread-safe."""

    queue: CeleryQueue
    sends: RetriedSends
    calls: WaitingCalls
    wake_seconds: float


@dataclass(frozen=True)
class Job:
    """What is asked for."""

    request: GenerateRequest
    report: ReportProgress
    client: str | None
    abort: Abort
    image: SentImage | None


class QueuedCall:
    """One generation. `line` blocks; `put`, `find` and `end` may be called from other threads meanwhile."""

    def __init__(self, job: Job, tools: Tools) -> None:
        self.id = _queue_id(job.request.request_id)
        """That of this call alone in the queue: several may have the request's, of which clients choose some."""
        self._job = job
        self._tools = tools
        self._inbox = Inbox()
        self.deadline = Deadline.after(job.request.timeout_seconds)
        self.billing = Billing(job.request.max_price)
        self._absence = Absence(tools.wake_seconds, job.report)
        self._attempt = 1
        self._losses = 0
        self._begun = False
        self._told_queued = False
        self._queue: str | None = None
        self._published_at = 0.0
        self._sent_at: float | None = None
        self._send: Send | None = None

    def line(self) -> ResultLine | ErrorLine:
        """Return how it ended. Raises an ApiError if it did not: DeadlinePassed, WorkerUnavailable or ServiceBusy."""
        self._tools.queue.news.follow(self.id, self._inbox.put)
        self._tools.calls.add(self)
        try:
            return self._followed()
        except ApiError:
            if self._begun:
                self.billing.note(None)
            raise
        finally:
            self._tools.calls.remove(self)
            self._tools.queue.news.leave(self.id)
            if self._send:
                self._tools.sends.give_up(self._send)

    def open_request(self) -> OpenRequest | None:
        """Return what a sweep has to look for; None while it is being sent."""
        if self._sent_at is None or self._queue is None:
            return None
        return OpenRequest(self.id, self._attempt, time.monotonic() - self._sent_at, self._queue)

    def find(self, found: Found) -> None:
        """Take what a sweep has found."""
        self._inbox.put(found)

    def end(self) -> None:
        """End the wait: this service is being stopped."""
        self._inbox.put(Stopping("This service is being stopped."))

    def _followed(self) -> ResultLine | ErrorLine:
        self._publish()
        while True:
            message = self._inbox.next(self._job.abort, self.deadline.at_most(TICK_SECONDS) or TICK_SECONDS)
            if message is None:
                self._look_about()
            elif ended := self._take(message):
                return ended

    def _publish(self) -> None:
        """Have the latest attempt sent as soon as it is its client's turn, until the queue takes it."""
        self._begun, self._sent_at = False, None
        self._queue = self._tools.queue.names.known(self._job.request.model)
        self._send = Send(self._job.client, self._queue, self._send_once, self._inbox.put)
        self._published_at = time.monotonic()
        self._tools.sends.add(self._send)

    def _send_once(self) -> None:
        """Send the latest attempt: in a thread that many calls share."""
        image, queue = self._job.image, self._tools.queue
        self._queue = queue.names.queue_of(self._job.request.model)
        with queue.urgent.room(self._queue):
            sent = queue.publisher.send(self._message(), self._queue, image.whole() if image else None, urgent=True)
        self._sent_at = time.monotonic()
        self._inbox.put(Sent(self._attempt, sent))

    def _message(self) -> QueuedRequest:
        seconds = self.deadline.remaining
        if not seconds:
            raise self._late()
        changes = {"request_id": self.id, "timeout_seconds": seconds}
        with reaching_queue():
            now = self._tools.queue.states.now()
        return QueuedRequest(
            request=self.billing.bounded(self._job.request).model_copy(update=changes),
            attempt=self._attempt,
            expires_at=now + seconds,
            client=self._job.client,
        )

    def _take(self, message: Message) -> ResultLine | ErrorLine | None:
        """Act on a message. Returns the ending, if it tells of one."""
        if isinstance(message, ApiError):
            raise message
        if isinstance(message, QueueProgress):
            self._report(message)
        elif isinstance(message, QueueNews):
            return self._take_news(message)
        elif isinstance(message, Sent):
            return self._ending() if message.announced == "final" else None
        elif message.request.attempt == self._attempt and self._sent_at is not None:
            return self._take_found(message)
        return None

    def _take_news(self, news: QueueNews) -> ResultLine | ErrorLine | None:
        if news.event == "ended":
            return self._ending()
        self._begun = news.event == "begun"
        if not self._begun and self._sent_at is not None:
            self._sent_at = time.monotonic()  # its message is in the queue again
        return None

    def _take_found(self, found: Found) -> ResultLine | ErrorLine | None:
        if found.what == "ended":
            return self._ending()
        if found.what == "lost":
            self.billing.note(None)
            self._losses += 1
            if self._losses > MAX_LOSSES:
                raise WorkerUnavailable(LOST)
            self._attempt = max(self._attempt, found.attempt) + 1
        self._publish()
        return None

    def _ending(self) -> ResultLine | ErrorLine | None:
        """Return how it ended; None if Redis does not say so now, which the next sweep makes up for."""
        try:
            return self._tools.queue.states.endings([self.id])[0]
        except QUEUE_FAILURES:
            return None

    def _report(self, told: QueueProgress) -> None:
        if told.attempt < self._attempt:
            return
        self._begun = True
        preview = None
        if told.has_preview and self._job.request.previews:
            with contextlib.suppress(*QUEUE_FAILURES):
                preview = self._tools.queue.states.preview(self.id)
        self._job.report(checked_progress(told.progress.model_copy(update={"preview": preview})))

    def _look_about(self) -> None:
        """Raise an ApiError if there is no hope any more, and else tell why it takes its time."""
        trouble = self._trouble()
        self._absence.note(trouble)
        if self.deadline.later_by(REPLY_GRACE_SECONDS if self._begun else 0.0).expired:
            raise WorkerUnavailable(trouble.problem) if trouble else self._late()
        if not self._begun and not trouble and not self._told_queued:
            self._told_queued = True
            self._job.report(Progress(phase="queued", message=WAITS))

    def _trouble(self) -> Trouble | None:
        """Return why there is nothing to hope for now; None if there is."""
        waits = self._sent_at is None and self._send
        if waits and (trouble := self._tools.sends.trouble(waits)):
            return Trouble(trouble.problem, max(trouble.since, self._published_at))
        problem = self._tools.calls.problem
        if not problem and not self._begun and self._queue:
            problem = self._problem_of(self._queue)
        return Trouble(problem, time.monotonic()) if problem else None

    def _problem_of(self, queue: str) -> str | None:
        try:
            served = self._tools.queue.names.is_served(queue, self._job.abort)
        except QueueUnavailable as error:
            return str(error)
        return None if served else NOT_SERVED.format(queue)

    def _late(self) -> DeadlinePassed:
        seconds = round(self._job.request.timeout_seconds, 1)
        return DeadlinePassed(LATE.format("made" if self._begun else "began", seconds))


def _queue_id(request_id: str) -> str:
    """Return an id that no client can choose, with the beginning of the request's for the logs."""
    return f"get-{uuid4().hex}-{request_id}"[:64]
