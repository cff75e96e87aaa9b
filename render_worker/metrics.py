"""What the worker counts, in Prometheus's words."""

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)  # seconds; pictures take from 0.2 to 300


class Metrics:
    """Counters of this process. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = {"registry": self.registry, "namespace": "render_worker"}
        self.pictures = Counter("pictures", "Pictures made and kept.", ["engine", "storage"], **labels)  # type: ignore[arg-type]
        self.engine_failures = Counter(
            "engine_failures",
            "Times that an engine made no picture.",
            ["engine", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self.fallbacks = Counter(
            "fallbacks",
            "Times that model=auto passed an engine over for another one.",
            ["engine", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self.storage_failures = Counter(
            "storage_failures",
            "Times that the storage that was meant kept no picture.",
            ["storage", "code"],
            **labels,  # type: ignore[arg-type]
        )
        self.picture_seconds = Histogram(
            "picture_seconds",
            "Time of a picture without waiting.",
            ["engine"],
            buckets=BUCKETS,
            **labels,  # type: ignore[arg-type]
        )
