"""Models' folders on the disk: which there are, and whether one has changed."""

import os
from collections.abc import Iterator
from pathlib import Path

from render_worker.engines.diffusers.models.layout import INDEX

MAX_DEPTH = 3  # of folders in MODEL_CACHE_DIR, as an organisation's, a model's and a version's
MAX_FOLDERS = 10_000  # that are looked into: a path to the wrong place does not keep requests waiting

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of each file: another one means that the folder has changed."""


def model_folders(root: Path) -> dict[str, Path]:
    """Return the folders below `root` with a model, by their names relative to it, sorted.

    A folder that really is somewhere else, or that has a file which is, is left out.
    """
    return dict(_below(root, "", MAX_DEPTH, [MAX_FOLDERS]))


def _below(folder: Path, prefix: str, depth: int, left: list[int]) -> Iterator[tuple[str, Path]]:
    for entry in _entries(folder):
        if not entry.is_dir(follow_symlinks=False) or entry.name.startswith(".") or left[0] <= 0:
            continue
        left[0] -= 1
        path = Path(entry.path)
        if (path / INDEX).is_file():
            if stays_within(path, path):
                yield f"{prefix}{entry.name}", path
        elif depth > 1:
            yield from _below(path, f"{prefix}{entry.name}/", depth - 1, left)


def stays_within(folder: Path, root: Path) -> bool:
    """Return whether every file of a model's folder is really somewhere below `root`."""
    real = root.resolve()
    return all(
        not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(real) for entry in _all_entries(folder)
    )


def stamp_of(folder: Path) -> Stamp:
    """Return the stamp of a model's folder and the folders in it."""
    return tuple(sorted(_stamps(folder)))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    for entry in _all_entries(folder):
        try:
            status = entry.stat()
        except OSError:  # a link to nothing, or a file that was just removed
            continue
        if not entry.is_dir():
            yield entry.path, status.st_ino, status.st_size, status.st_mtime_ns


def _all_entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield what is in a model's folder and in its parts' folders."""
    for entry in _entries(folder):
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda it: it.name)
    except OSError:  # it is not there, or may not be read
        return []
