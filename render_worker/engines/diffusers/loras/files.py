"""The headers of LoRA files, read once for each version of a file."""

import threading
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from render_worker.engines.diffusers.loras.header_check import lora_layers
from render_worker.engines.diffusers.loras.problem import LoraProblem
from render_worker.engines.diffusers.models.safetensors_header import Header, HeaderUnreadable, read_header

MAX_FILE_BYTES = 4 * 1024**3  # it is read into memory as a whole; the largest that are published have 2.4 GB
MAX_HEADERS = 256

Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class LoraFile:
    """A file that is a LoRA, whatever model it is for."""

    path: Path
    stamp: Stamp
    """Its inode, size and time: with others it is another file."""
    header: Header


class LoraFiles:
    """Reads files' headers, and keeps some of them. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: LRUCache[Path, tuple[Stamp, LoraFile | LoraProblem]] = LRUCache(MAX_HEADERS)

    def read(self, path: Path) -> LoraFile:
        """Return a file with its header. Raises LoraProblem if it is no LoRA, or a broken one."""
        stamp = _stamp(path)
        with self._lock:
            known_stamp, found = self._known.get(path, (None, None))
        if found is None or known_stamp != stamp:
            found = _read(path, stamp)
            with self._lock:
                self._known[path] = stamp, found
        if isinstance(found, LoraProblem):
            raise LoraProblem(str(found))
        return found


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError as error:
        raise LoraProblem(f"it cannot be read ({error.strerror or type(error).__name__})") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path, stamp: Stamp) -> LoraFile | LoraProblem:
    """Return a file with its header, or why it is no LoRA."""
    if stamp[1] > MAX_FILE_BYTES:
        return LoraProblem(f"it has {stamp[1]:,} bytes, and {MAX_FILE_BYTES:,} are allowed")
    try:
        header = read_header(path)
        lora_layers(header)
    except HeaderUnreadable as error:
        return LoraProblem(f"it {error}")
    except LoraProblem as problem:
        return problem
    return LoraFile(path, stamp, header)
