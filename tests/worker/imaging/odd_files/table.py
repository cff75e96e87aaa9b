"""The table docs/odd_files.md: each odd file, what came of it before, and what comes of it now."""

import itertools
import json
from pathlib import Path

from .comparison import FORMATS, ON_PURPOSE

PAGE = Path(__file__).parents[4] / "docs" / "odd_files.md"
BEFORE = Path(__file__).with_name("before.json")  # observed once, on the version before this folder
NAMES = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
HEAD = """# Odd files

Files that say something about themselves, made by script (`tests/worker/imaging/odd_files`), stored
as PNG, JPEG and WebP, and compared with what Chromium shows of the original on a white page. *Off
by*: the mean difference, of 255. *Before*: observed once, when every picture was made RGB as it
came. *Now*: a test compares it; `python -m tests.worker.imaging.odd_files` writes it.

| file | before | now |
|---|---|---|
"""


def page(now: dict[str, list[str]]) -> str:
    """Return the page for the outcomes of today."""
    before: dict[str, list[str]] = json.loads(BEFORE.read_text())
    rows = (f"| {name} | {_summary(before[name])} | {_now(name, outcome)} |\n" for name, outcome in now.items())
    return HEAD + "".join(rows)


def _now(name: str, outcome: list[str]) -> str:
    summary = _summary(outcome)
    return f"{summary}; {ON_PURPOSE[name].reason}" if name in ON_PURPOSE else summary


def _summary(outcome: list[str]) -> str:
    """Return it in one phrase, with the formats named if they differ."""
    if len(set(outcome)) == 1:
        return outcome[0]
    together = itertools.groupby(zip(FORMATS, outcome, strict=True), key=lambda it: it[1])
    return "; ".join(f"{', '.join(NAMES[kind] for kind, _ in group)} {verdict}" for verdict, group in together)
