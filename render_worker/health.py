"""What the worker says of itself."""

import time
from collections import deque
from datetime import UTC, datetime
from typing import Literal

from render_worker.contract import EngineHealth, MemoryHealth, PastError, WorkerHealth
from render_worker.errors import WorkerError
from render_worker.memory import measure
from render_worker.pipeline import Pipeline

REMEMBERED_ERRORS = 10


class Health:
    """The last errors and the warnings of this process, and the state of its pipeline. Safe to use from any thread."""

    def __init__(self, pipeline: Pipeline, memory_limit_mb: int | None) -> None:
        self._pipeline = pipeline
        self._memory_limit_mb = memory_limit_mb
        self._started = time.monotonic()
        self._errors: deque[PastError] = deque(maxlen=REMEMBERED_ERRORS)
        self.warnings: list[str] = []

    def remember(self, error: WorkerError, model: str, request_id: str) -> None:
        """Keep a failure among the last ones."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._errors.append(PastError(at=at, code=error.code, error=str(error), model=model, request_id=request_id))

    def report(self) -> WorkerHealth:
        """The whole state, known without asking anybody."""
        engines = {name: self._timed(name, engine.health()) for name, engine in self._pipeline.engines.items()}
        status, reasons = self._status(engines)
        memory = measure(self._memory_limit_mb)
        return WorkerHealth(
            status=status,
            reasons=reasons,
            ready=self._pipeline.choose("auto").health().state == "ready" and self._pipeline.storage.usable,
            uptime_seconds=round(time.monotonic() - self._started),
            queue=self._pipeline.admission.health(),
            engines=engines,
            memory=MemoryHealth(used_mib=memory.used, limit_mib=memory.limit),
            storage=self._pipeline.storage.name,
            last_errors=list(self._errors)[::-1],
            warnings=self.warnings,
            simulated=self._pipeline.simulated,
        )

    def _timed(self, name: str, health: EngineHealth) -> EngineHealth:
        durations = self._pipeline.durations
        times = {"median_seconds": durations.median(name), "p90_seconds": durations.p90(name)}
        return health.model_copy(update={field: seconds and round(seconds, 2) for field, seconds in times.items()})

    def _status(
        self, engines: dict[str, EngineHealth]
    ) -> tuple[Literal["starting", "ready", "busy", "degraded"], list[str]]:
        down = [f"{name}: {engine.reason}" for name, engine in engines.items() if engine.state in ("down", "resting")]
        down += self._pipeline.storage.problems()
        starting = [f"{name} is starting" for name, engine in engines.items() if engine.state == "starting"]
        if down:
            return "degraded", down
        if starting:
            return "starting", starting
        if self._pipeline.admission.must_wait(self._pipeline.choose("auto").places):
            return "busy", ["the next caller of model=auto has to wait"]
        return "ready", []
