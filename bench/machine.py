"""The line above every table: the machine of the measurement."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def line() -> str:
    """Return day, processor, cores, kernel and Python."""
    parts = [
        datetime.now(UTC).date().isoformat(),
        platform.machine(),
        _processor(),
        f"{cores()} cores",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
    ]
    return ", ".join(parts)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
