"""The one machine behind AUTOMATIC1111's stand-in: it makes one picture at a time, and tells all how far."""

import base64
import threading
import time

from sandbox.pictures import jpeg

OTHER = "task(of another client)"
PREVIEW = (64, 64)
TICK_SECONDS = 0.01


class Machine:
    """What is made at the moment. Requests wait for `lock`, whether or not their clients are still there."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ended_by: str | None = None
        """How the last job ended before its time: interrupted, skipped; None if it did not."""
        self._task: str | None = None
        self._is_active = False
        self._begun = self._seconds = 0.0
        self._steps = 1

    def run(self, task: object, seconds: float, steps: int, ended_by: str = "ok") -> None:
        """Do a job of so many seconds, until it is interrupted; `ended_by` a fault, in its middle."""
        self._task, self._seconds, self._steps = task if isinstance(task, str) else None, seconds, max(1, steps)
        self._begun, self.ended_by, self._is_active = time.monotonic(), None, True
        ends = ended_by in ("interrupted", "skipped")
        while self._share < (0.5 if ends else 1) and self.ended_by is None:
            time.sleep(TICK_SECONDS)
        if ends:
            self.ended_by = ended_by
        self._is_active, self._task = False, None

    def interrupt(self, how: str) -> None:
        """End the job; one that begins afterwards knows nothing of it."""
        self.ended_by = how

    def reset(self) -> None:
        """End the job, if there is one, and know of none before."""
        self.ended_by = "interrupted" if self._is_active else None

    def progress(self, *, with_image: bool) -> dict[str, object]:
        """Return the progress as the web UI words it."""
        share = self._share if self._is_active else 0.0
        image = base64.b64encode(jpeg("mist", "", 1, 7.0, PREVIEW)).decode() if with_image and self._is_active else None
        return {
            "progress": round(share, 3),
            "eta_relative": round(self._seconds * (1 - share), 3) if self._is_active else 0.0,
            "state": {
                "skipped": self.ended_by == "skipped",
                "interrupted": self.ended_by == "interrupted",
                "job": "scripts_txt2img" if self._is_active else "",
                "job_count": int(self._is_active),
                "job_timestamp": "0",
                "job_no": 0,
                "sampling_step": int(share * self._steps),
                "sampling_steps": self._steps,
            },
            "current_image": image,
            "textinfo": None,
            "current_task": self._task,
        }

    @property
    def _share(self) -> float:
        passed = time.monotonic() - self._begun
        return min(1.0, passed / self._seconds) if self._seconds else 1.0
