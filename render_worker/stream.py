"""One generation as a stream: its news while it runs, and at last its result or its failure."""

import logging
import queue
from collections.abc import Callable, Iterator

from render_worker.contract import ErrorLine, GenerateResult, Heartbeat, Progress, ResultLine
from render_worker.errors import WorkerError
from render_worker.runtime import Work

# Many proxies close what is silent for 30, and a reader who is gone shows only when written to.
HEARTBEAT_SECONDS = 10.0
OWN_FAULT = "The render worker failed by its own fault."

Line = Progress | Heartbeat | ResultLine | ErrorLine

log = logging.getLogger(__name__)


class Stream:
    """Written by the loop's thread, read by the thread of the caller who waits.

    A reader who goes away ends nothing: the generation runs on, tells this its news to the end, and then nothing
    holds this any longer.
    """

    def __init__(self, request_id: str, remember: Callable[[WorkerError], None]) -> None:
        """`remember` is called with a failure, whether anybody still reads or not."""
        self._request_id = request_id
        self._remember = remember
        self._news: queue.SimpleQueue[Line] = queue.SimpleQueue()

    def tell(self, progress: Progress) -> None:
        """Pass on how far the generation is."""
        self._news.put(progress)

    def lines(self, work: Work[GenerateResult]) -> Iterator[Line]:
        """Every line as it comes; the last, and only the last, is a ResultLine or ErrorLine."""
        work.when_done(lambda: self._end(work))
        while True:
            try:
                line = self._news.get(timeout=min(HEARTBEAT_SECONDS, work.seconds_left or HEARTBEAT_SECONDS))
            except queue.Empty:
                if work.seconds_left:
                    yield Heartbeat()
                else:
                    work.expire()  # which brings the last line
                continue
            yield line
            if isinstance(line, ResultLine | ErrorLine):
                return

    def _end(self, work: Work[GenerateResult]) -> None:
        try:
            self._news.put(ResultLine(result=work.result()))
        except WorkerError as error:
            self._fail(error)
            self._remember(error)
        except Exception:  # the status is sent already, so this is the border where a fault of our own is met
            log.exception("%s failed unforeseen", self._request_id)
            self._fail(WorkerError(OWN_FAULT))

    def _fail(self, error: WorkerError) -> None:
        self._news.put(ErrorLine(status=error.status, error=error.body(self._request_id)))
