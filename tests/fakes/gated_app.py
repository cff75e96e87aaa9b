"""The API tier whose application loads once the file of GATE is there, and fails to if that says so."""

import os
import time
from pathlib import Path

GATE = Path(os.environ["GATE"])

while not GATE.exists():
    time.sleep(0.02)
if GATE.read_text() == "fail":
    raise RuntimeError("it cannot be loaded")

from app import app  # noqa: E402

__all__ = ["app"]
