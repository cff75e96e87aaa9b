"""What the worker says of itself."""

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from render_worker.browser.memory import measure
from render_worker.contract import EngineHealth, MemoryHealth, PastError, WorkerHealth
from render_worker.errors import WorkerError
from render_worker.generation.pipeline import Pipeline

REMEMBERED_ERRORS = 10
BREAKER_STATES = ("closed", "open", "half-open")


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
        roster = self._pipeline.roster
        engines = {name: roster.health(name) for name in roster.engines}
        status, reasons = self._status(engines)
        memory = measure(self._memory_limit_mb)
        return WorkerHealth(
            status=status,
            reasons=reasons,
            ready=roster.ready and self._pipeline.storage.available,
            uptime_seconds=round(time.monotonic() - self._started),
            queue=self._pipeline.admission.health(),
            engines=engines,
            memory=MemoryHealth(used_mib=memory.used, limit_mib=memory.limit),
            storage=self._pipeline.storage.name,
            last_errors=list(self._errors)[::-1],
            warnings=self.warnings,
            simulated=self._pipeline.simulated,
        )

    def _status(
        self, engines: dict[str, EngineHealth]
    ) -> tuple[Literal["starting", "ready", "busy", "degraded"], list[str]]:
        down = [f"{name}: {engine.reason}" for name, engine in engines.items() if engine.state in ("down", "resting")]
        down += self._pipeline.storage.unavailable_reasons()
        starting = [f"{name} is starting" for name, engine in engines.items() if engine.state == "starting"]
        if down:
            return "degraded", down
        if starting:
            return "starting", starting
        if self._pipeline.roster.busy:
            return "busy", ["the next caller of model=auto has to wait"]
        return "ready", []


class State(Collector):
    """The same state for Prometheus, read when it asks."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """A gauge for each number."""
        report = self._health.report()
        ready = GaugeMetricFamily("render_worker_engine_ready", "Whether the engine can be asked.", labels=["engine"])
        breaker = GaugeMetricFamily(
            "render_worker_engine_breaker", "1 for the state of its circuit breaker.", labels=["engine", "state"]
        )
        for name, engine in report.engines.items():
            ready.add_metric([name], float(engine.state == "ready"))
            for state in BREAKER_STATES:
                breaker.add_metric([name, state], float(engine.breaker == state))
        yield ready
        yield breaker
        yield GaugeMetricFamily("render_worker_running", "Generations that run.", report.queue.running)
        yield GaugeMetricFamily("render_worker_waiting", "Generations that wait for a place.", report.queue.waiting)
        if report.memory:
            yield GaugeMetricFamily("render_worker_memory_mib", "Memory in use, in MiB.", report.memory.used_mib)
