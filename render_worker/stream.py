"""One generation as a stream of lines: progress and heartbeats while it runs, and at last its result or its error."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator

from render_worker.contract import ErrorLine, GenerateResult, Heartbeat, Progress, ResultLine
from render_worker.errors import OWN_FAULT, WorkerError
from render_worker.runtime import LoopWork

# Many proxies close what is silent for 30, and a reader that is gone shows only when written to.
HEARTBEAT_SECONDS = 10.0

Line = Progress | Heartbeat | ResultLine | ErrorLine

log = logging.getLogger(__name__)


class GenerationStream:
    """The lines of one generation, written by the loop's thread and read by the request's.

    A reader that goes away ends nothing: the generation runs on and writes to the end, and then nothing refers to this
    any longer.
    """

    def __init__(self, request_id: str, on_failure: Callable[[WorkerError], None]) -> None:
        """Make an empty stream; `on_failure` is called with an error, also if the reader is gone."""
        self._request_id = request_id
        self._on_failure = on_failure
        self._preview: str | None = None
        self._lock = threading.Lock()
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()

    def send(self, progress: Progress) -> None:
        """Send a line of progress; of previews that wait for a slow reader, or one that is gone, the newest is kept."""
        with self._lock:
            waits = progress.preview and self._preview
            self._preview = progress.preview or self._preview
        if not waits:
            self._lines.put(progress)

    def lines(self, work: LoopWork[GenerateResult]) -> Iterator[Line]:
        """Yield every line as it comes; the last, and only the last, is a ResultLine or ErrorLine."""
        work.when_done(lambda: self._send_last(work))
        while True:
            try:
                line = self._lines.get(timeout=min(HEARTBEAT_SECONDS, work.remaining or HEARTBEAT_SECONDS))
            except queue.Empty:
                if work.remaining:
                    yield Heartbeat()
                else:
                    work.expire()  # which brings the last line
                continue
            yield self._with_newest_preview(line)
            if isinstance(line, ResultLine | ErrorLine):
                return

    def _with_newest_preview(self, line: Line) -> Line:
        if not (isinstance(line, Progress) and line.preview):
            return line
        with self._lock:
            newest, self._preview = self._preview, None
        return line.model_copy(update={"preview": newest})

    def _send_last(self, work: LoopWork[GenerateResult]) -> None:
        try:
            self._lines.put(ResultLine(result=work.result()))
        except WorkerError as error:
            self._on_failure(error)
            self._send_error(error)
        except Exception:  # the status is sent already, so this is the border where a fault of our own is met
            log.exception("%s: unexpected error", self._request_id)
            self._send_error(WorkerError(OWN_FAULT))

    def _send_error(self, error: WorkerError) -> None:
        self._lines.put(ErrorLine(status=error.status, error=error.body(self._request_id)))
