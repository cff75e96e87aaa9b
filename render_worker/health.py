"""Health of this process: its state and why, its memory, and its last errors."""

import time
from collections import deque
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Literal

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from render_worker.browser.memory import measure
from render_worker.contract import EngineHealth, MemoryHealth, PastError, WorkerHealth
from render_worker.errors import WorkerError
from render_worker.generation.admission import Admission
from render_worker.generation.selector import EngineSelector
from render_worker.storages.chain import StorageChain

MAX_PAST_ERRORS = 10
BREAKER_STATES = ("closed", "open", "half-open")


class Health:
    """The state of the engines, storages and queue, with the last errors and the warnings. Safe for any thread."""

    def __init__(
        self,
        selector: EngineSelector,
        storages: StorageChain,
        admission: Admission,
        *,
        memory_limit_mb: int | None,
        simulated: Set[str],
    ) -> None:
        """`simulated` names the engines for whose services the sandbox stands in."""
        self._selector = selector
        self._storages = storages
        self._admission = admission
        self._memory_limit_mb = memory_limit_mb
        self._simulated = simulated
        self._started = time.monotonic()
        self._errors: deque[PastError] = deque(maxlen=MAX_PAST_ERRORS)
        self.warnings: list[str] = []

    def remember(self, error: WorkerError, model: str, request_id: str) -> None:
        """Keep a failure among the last ones."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._errors.append(PastError(at=at, code=error.code, error=str(error), model=model, request_id=request_id))

    def report(self) -> WorkerHealth:
        """Return the whole state, which is known without a request to any service."""
        engines = {name: self._engine(name) for name in self._selector.engines}
        status, reasons = self._status(engines)
        memory = measure(self._memory_limit_mb)
        return WorkerHealth(
            status=status,
            reasons=reasons,
            ready=self._selector.ready and self._storages.available,
            uptime_seconds=round(time.monotonic() - self._started),
            queue=self._admission.health(),
            engines=engines,
            memory=MemoryHealth(used_mib=memory.used, limit_mib=memory.limit),
            storage=self._storages.name,
            last_errors=list(self._errors)[::-1],
            warnings=self.warnings,
            simulated=all(engine.name in self._simulated for engine in self._selector.auto_engines) or None,
        )

    def _engine(self, name: str) -> EngineHealth:
        """Return an engine's state, marked if it is simulated; left out if it is not."""
        return self._selector.health(name).model_copy(update={"simulated": name in self._simulated or None})

    def _status(
        self, engines: dict[str, EngineHealth]
    ) -> tuple[Literal["starting", "ready", "busy", "degraded"], list[str]]:
        """Return the worst state that applies, and the reasons for it."""
        down = [f"{name}: {engine.reason}" for name, engine in engines.items() if engine.state in ("down", "resting")]
        down += self._storages.unavailable_reasons()
        starting = [f"{name} is starting" for name, engine in engines.items() if engine.state == "starting"]
        if down:
            return "degraded", down
        if starting:
            return "starting", starting
        if self._selector.busy:
            return "busy", ["the next caller of model=auto has to wait"]
        return "ready", []


class HealthCollector(Collector):
    """The same state for Prometheus, read at each scrape."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield a gauge for each number."""
        report = self._health.report()
        yield from _engine_gauges(report.engines)
        yield GaugeMetricFamily("render_worker_running", "Generations that run.", report.queue.running)
        yield GaugeMetricFamily("render_worker_waiting", "Generations that wait for a place.", report.queue.waiting)
        if report.memory:
            yield GaugeMetricFamily("render_worker_memory_mib", "Memory in use, in MiB.", report.memory.used_mib)


def _engine_gauges(engines: dict[str, EngineHealth]) -> Iterator[Metric]:
    ready = GaugeMetricFamily("render_worker_engine_ready", "Whether the engine can be asked.", labels=["engine"])
    breaker = GaugeMetricFamily(
        "render_worker_engine_breaker", "1 for the state of its circuit breaker.", labels=["engine", "state"]
    )
    for name, engine in engines.items():
        ready.add_metric([name], float(engine.state == "ready"))
        for state in BREAKER_STATES:
            breaker.add_metric([name, state], float(engine.breaker == state))
    yield ready
    yield breaker
