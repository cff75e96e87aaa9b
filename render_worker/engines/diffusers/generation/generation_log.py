"""A JSON line for each picture that was asked for: what it was made by, how long it took, and what became of it."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from render_worker.contract import NO_REQUEST_ID, Recipe, safety_filter_result
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest
from render_worker.errors import WorkerError

FILE_NAME = "generations.jsonl"
MAX_BYTES, OLD_FILES = 20_000_000, 4
MADE, CANCELLED = "made", "cancelled"

log = logging.getLogger("render_worker.generations")
own_log = logging.getLogger(__name__)


@dataclass
class GenerationLine:
    """What a line says of a picture that is being made."""

    request: DiffusionRequest | None = None
    """None as long as the recipe is not known to be one that can be made."""
    picture: DiffusionPicture | None = None
    """None as long as there is none."""
    steps: int | None = None
    """How many were taken, if that is known without a picture."""


class GenerationLog:
    """Writes the lines to the log, and to a file if there is a folder for it. Its methods return at once."""

    def __init__(self, folder: Path | None, *, prompts: bool) -> None:
        """`prompts`: whether the lines have the prompt."""
        self._prompts = prompts
        self._file = _LineFile(folder / FILE_NAME) if folder else None
        self._writer = ThreadPoolExecutor(1, "generation-log")

    @contextmanager
    def line_of(self, recipe: Recipe, begun: float) -> Iterator[GenerationLine]:
        """Write the line of a recipe at the end of this, whatever that is; its time counts from `begun`.

        `begun` is of the monotonic clock.
        """
        line, outcome = GenerationLine(), "internal_error"
        try:
            yield line
            outcome = MADE
        except asyncio.CancelledError:
            outcome = CANCELLED
            raise
        except WorkerError as error:
            outcome = error.code
            raise
        finally:
            self._write({**_what(recipe, line), **_what_came(recipe, line, outcome, begun)}, recipe.prompt)

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._writer.shutdown()
        if self._file:
            self._file.close()

    def _write(self, values: dict[str, object], prompt: str) -> None:
        line = json.dumps({**values, "prompt": prompt} if self._prompts else values, ensure_ascii=False)
        log.info(line)
        if self._file:
            with suppress(RuntimeError):  # it is closed already
                self._writer.submit(self._file.write, line)


def _what(recipe: Recipe, line: GenerationLine) -> dict[str, object]:
    """Return what was asked for."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": getattr(recipe, "request_id", NO_REQUEST_ID),
        **(_requested(line.request) if line.request else _as_sent(recipe)),
    }


def _requested(request: DiffusionRequest) -> dict[str, object]:
    return {
        "model_id": request.model,
        "seed": request.seed,
        "guidance_scale": request.guidance_scale,
        "lora_path": request.lora and request.lora.name,
        "lora_scale": request.lora and request.lora.scale,
        "image_to_image": request.image is not None,
    }


def _as_sent(recipe: Recipe) -> dict[str, object]:
    """Return what was asked for by a recipe that is refused."""
    return {
        "model_id": recipe.model,
        "seed": recipe.seed if recipe.seed >= 0 else None,
        "guidance_scale": recipe.guidance_scale,
        "lora_path": recipe.lora_path,
        "lora_scale": recipe.lora_scale,
        "image_to_image": recipe.image is not None,
    }


def _what_came(recipe: Recipe, line: GenerationLine, outcome: str, begun: float) -> dict[str, object]:
    """Return what came of it."""
    picture, request = line.picture, line.request
    width, height = picture.size if picture else request.size if request else (recipe.width, recipe.height)
    asked = request or recipe
    return {
        "outcome": outcome,
        "width": width,
        "height": height,
        "steps": picture.steps if picture else asked.steps if line.steps is None else line.steps,
        "scheduler": picture.scheduler if picture else asked.scheduler,
        "latency_ms": round((time.monotonic() - begun) * 1000),
        "run_ms": picture and round(picture.seconds * 1000),
        "batch": picture and picture.batch,
        "vram_peak_mb": picture and picture.peak_memory_mb,
        "safety_filter_result": safety_filter_result(picture.nsfw if picture else None),
    }


class _LineFile(RotatingFileHandler):
    """A file of lines, which is rotated. That it cannot be written, as on a full disk, is no reason to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8", delay=True)

    def write(self, line: str) -> None:
        """Append a line."""
        self.handle(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost."""
        with suppress(OSError):
            super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record, in a folder that is made if need be."""
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._complain(error)
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Log that a line could not be written: the handler calls this while the exception is handled."""
        self._complain(sys.exception())

    def _complain(self, error: BaseException | None) -> None:
        own_log.warning("LOG_DIR cannot be written: %s", error, extra={"kind": type(error).__name__})
