"""Prometheus metrics of what this process did."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from render_worker.contract import PassedOver, StorageProblem

BUCKETS = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)  # seconds; pictures take from 0.2 to 300


class Metrics:
    """Counters of this process. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = {"registry": self.registry, "namespace": "render_worker"}
        self._pictures = Counter("pictures", "Pictures made and kept.", ["engine", "storage"], **labels)  # type: ignore[arg-type]
        self._engine_failures = Counter(
            "engine_failures",
            "Times that an engine made no picture.",
            ["engine", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self._fallbacks = Counter(
            "fallbacks",
            "Times that model=auto passed an engine over for another one.",
            ["engine", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self._hedges = Counter("hedges", "Times that an engine was asked beside a slow one.", ["engine"], **labels)  # type: ignore[arg-type]
        self._storage_failures = Counter(
            "storage_failures",
            "Times that the storage that was meant kept no picture.",
            ["storage", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self._picture_seconds = Histogram(
            "picture_seconds",
            "Time of a picture without waiting.",
            ["engine"],
            buckets=BUCKETS,
            **labels,  # type: ignore[arg-type]
        )

    def count_picture(self, engine: str, storage: str, seconds: float) -> None:
        """Count a picture that was made and saved, and its latency."""
        self._pictures.labels(engine, storage).inc()
        self._picture_seconds.labels(engine).observe(seconds)

    def count_engine_failure(self, engine: str, code: str) -> None:
        """Count an attempt that brought no picture."""
        self._engine_failures.labels(engine, code).inc()

    def count_fallbacks(self, passed_over: Iterable[PassedOver]) -> None:
        """Count each engine that was passed over for the one that answered."""
        for engine in passed_over:
            self._fallbacks.labels(engine.engine, engine.code).inc()

    def count_hedge(self, engine: str) -> None:
        """Count an attempt that was started beside another one."""
        self._hedges.labels(engine).inc()

    def count_storage_failure(self, problem: StorageProblem) -> None:
        """Count a picture that the preferred storage did not keep."""
        self._storage_failures.labels(problem.storage, problem.code).inc()
