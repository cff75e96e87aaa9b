"""What a Celery worker does with a message: it claims the request, makes the picture, and writes how that ended."""

import json
import logging
import re
import threading
from collections.abc import Callable

from render_worker.cancellation import Cancelled
from render_worker.contract import (
    NO_REQUEST_ID,
    ErrorLine,
    GenerateRequest,
    GenerateResult,
    Progress,
    QueuedRequest,
    ResultLine,
)
from render_worker.errors import OWN_FAULT, InvalidParameter, Stopping, Superseded, WorkerError
from render_worker.queued.claims import Claim, Claims
from render_worker.queued.endings import Endings
from render_worker.queued.insistence import GivenUp, Insistence
from render_worker.queued.lease_keeper import LeaseKeeper, Making
from render_worker.queued.progress_sender import ProgressSender
from render_worker.runtime import LoopWork

ID = re.compile(r"[A-Za-z0-9-]{1,64}")
UNREADABLE = "The Celery worker cannot read the message of this request, as from another version of this service."

Begin = Callable[[GenerateRequest, str | None, Callable[[Progress], None]], LoopWork[GenerateResult]]
"""Begins a request for a client on the loop, and reports its progress there."""

log = logging.getLogger(__name__)


class PutBack(Exception):
    """Raised if a message has to go back into its queue, as this process is being stopped."""


class ImageLost(Exception):
    """Raised if Redis has lost the image that a picture begins with: its request is sent again, with the image."""


Outcome = ResultLine | ErrorLine | None
"""How a request ended; None if that is not for this process to tell."""


class QueuedGenerations:
    """Makes the pictures of messages, each in the thread that has its message. Thread-safe."""

    def __init__(
        self,
        claims: Claims,
        endings: Endings,
        keeper: LeaseKeeper,
        progress: ProgressSender,
        begin: Begin,
        record_failure: Callable[[WorkerError, GenerateRequest], None],
        cost_of: Callable[[GenerateRequest], float | None] = lambda _: None,
    ) -> None:
        """`cost_of` returns what a request may have been billed that has failed, or is given up."""
        self._claims = claims
        self._endings = endings
        self._keeper = keeper
        self._progress = progress
        self._begin = begin
        self._record_failure = record_failure
        self._cost_of = cost_of
        self.stopping = threading.Event()
        """Set it, and each message that comes from then on is put back."""
        self._given_up = threading.Event()
        self._insist = Insistence(self.stopping)

    def give_up(self) -> None:
        """Put back all that is being made."""
        self._given_up.set()
        for making in self._keeper.all():
            if making.work:
                making.work.expire()

    def make(self, text: str) -> None:
        """Make the picture of a message, unless that is done, or done elsewhere. Raises PutBack if it has to go back.

        When it returns, the message is done with.
        """
        if self.stopping.is_set():
            raise PutBack
        try:
            if message := self._read(text):
                self._make_once(message)
        except GivenUp:
            raise PutBack from None

    def _make_once(self, message: QueuedRequest) -> None:
        making = self._keeper.enter(Claim(message.request.request_id, message.attempt))
        if not making:
            return
        try:
            self._claim_and_make(message, making)
        finally:
            self._progress.forget(making.claim)
            self._keeper.leave(making)

    def _claim_and_make(self, message: QueuedRequest, making: Making) -> None:
        verdict, left = self._insist(lambda: self._claims.claim(message))
        if verdict != "go":
            log.info("%s: not made, as its claim is refused: %s", making.claim.id, verdict)
            return
        making.begun.set()
        outcome = self._outcome(message, making, left)
        if self._given_up.is_set() and not isinstance(outcome, ResultLine):
            outcome = self._paid_in_vain(message.request)
        if self._given_up.is_set() and not outcome:
            self._put_back(making)
        elif outcome:
            self._insist(lambda: self._endings.finish(making.claim, outcome))

    def _paid_in_vain(self, request: GenerateRequest) -> ErrorLine | None:
        """Return the end of a request that is given up, and that exceeds its `max_price` if it is made once more.

        None if it has none, or if nothing was billed.
        """
        cost = None if request.max_price is None else self._cost_of(request)
        if not cost:
            return None
        error = Stopping("The Celery worker was stopped while it made this picture.")
        error.cost = cost
        return _line(error, request.request_id)

    def _put_back(self, making: Making) -> None:
        if self._give_back(making):
            log.info("%s: put back, as this process is being stopped", making.claim.id)
            raise PutBack

    def _give_back(self, making: Making) -> bool:
        """Give a lease back as if the attempt had not begun. Returns False if it is not held any more."""
        self._keeper.leave(making)
        return self._insist(lambda: self._claims.put_back(making.claim))

    def _outcome(self, message: QueuedRequest, making: Making, left: float | None) -> Outcome:
        """Make the picture, and return how that ended."""
        request = message.request
        try:
            return ResultLine(result=self._result(message, making, left))
        except (Superseded, Stopping):
            return None
        except WorkerError as error:
            failure = Cancelled() if making.canceled else error
        except GivenUp:
            raise
        except ImageLost:
            self._give_back(making)
            return None
        except Exception:  # the border where a fault of our own is met
            log.exception("%s: unexpected error", request.request_id)
            failure = WorkerError(OWN_FAULT)
        if making.taken or self._given_up.is_set():
            return None  # it was ended by this process
        self._record_failure(failure, request)
        return _line(failure, request.request_id)

    def _result(self, message: QueuedRequest, making: Making, left: float | None) -> GenerateResult:
        request = self._with_image(message.request)
        if left is not None and left < request.timeout_seconds:
            request = request.model_copy(update={"timeout_seconds": left})
        claim = making.claim
        making.work = self._begin(request, message.client, lambda progress: self._progress.send(claim, progress))
        if making.taken or self._given_up.is_set():
            making.work.expire()
        return making.work.result()

    def _with_image(self, request: GenerateRequest) -> GenerateRequest:
        """Return the request with its image's bytes. Raises ImageLost, or InvalidParameter if they are another's."""
        if request.image is None:
            return request
        data = self._insist(lambda: self._claims.image(request.request_id))
        if data is None:
            raise ImageLost
        with_image = request.with_image(data)
        if with_image.image != request.image:
            raise InvalidParameter("image could not be read where the API tier puts it.")
        return with_image

    def _read(self, text: str) -> QueuedRequest | None:
        """Return a message; None if it cannot be read, with which its request ends, if that is named in it."""
        try:
            message = QueuedRequest.model_validate_json(text)
            if message.request.request_id != NO_REQUEST_ID:
                return message
        except (ValueError, TypeError):
            if claim := _claim_in(text):
                line = _line(Stopping(UNREADABLE), claim.id)
                self._insist(lambda: self._endings.finish(claim, line))
        log.warning("a message cannot be read, and is dropped")
        return None


def _line(error: WorkerError, request_id: str) -> ErrorLine:
    return ErrorLine(status=error.status, error=error.body(request_id))


def _claim_in(text: str) -> Claim | None:
    """Return which request a message is about that cannot be read; None if it does not tell."""
    try:
        message = json.loads(text)
        request_id, attempt = str(message["request"]["request_id"]), int(message["attempt"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
    known = ID.fullmatch(request_id) and request_id != NO_REQUEST_ID and attempt >= 1
    return Claim(request_id, attempt) if known else None
