"""The files of the local folder."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from render_worker.contract import IMAGE_NAME

OURS = re.compile(rf"{IMAGE_NAME}|\.new-.*")  # no other file in the folder is ever removed
CHEAP = stat.S_ISVTX  # Linux gives it no meaning for a file, and the `stat` that the age needs reads it as well
NOT_OURS = (PermissionError, IsADirectoryError)  # a file of another owner in a sticky folder, or no file at all


class ImageFile(NamedTuple):
    """A file of the folder; files sort by what remaking them costs, and then by their age."""

    costly: bool
    time: int
    size: int
    path: str


def image_files(folder: Path) -> Iterator[ImageFile]:
    """Yield the files that are ours; any of them may be removed by hand meanwhile."""
    for entry in list(os.scandir(folder)):  # to the end, which closes it
        if OURS.fullmatch(entry.name):
            with suppress(FileNotFoundError):
                found = entry.stat()
                yield ImageFile(not found.st_mode & CHEAP, found.st_mtime_ns, found.st_size, entry.path)
