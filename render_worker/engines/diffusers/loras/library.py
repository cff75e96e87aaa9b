"""The LoRAs that `lora_path` accepts: files below LORA_DIR, and those of the Hub that the settings name."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from render_worker.engines.diffusers.errors import LoraInvalid

ENDING = ".safetensors"
MAX_FILES = 2_000  # of the folder: a list that is longer helps no client
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")  # as the contract has it: what cannot be named is not listed


@dataclass(frozen=True)
class LoraSource:
    """A LoRA that `lora_path` accepts."""

    name: str
    path: Path | None
    """Its file in LORA_DIR; None if it is the Hub's."""


class LoraLibrary:
    """Finds LoRAs by their names. The folder is read anew each time: files come and go."""

    def __init__(self, folder: Path, repositories: tuple[str, ...]) -> None:
        self._folder = folder
        self._repositories = repositories

    def sources(self) -> list[LoraSource]:
        """Return every LoRA, by name."""
        local = [LoraSource(name, path) for name, path in self._files()]
        hub = [LoraSource(name, None) for name in self._repositories]
        return sorted({source.name: source for source in (*hub, *local)}.values(), key=lambda source: source.name)

    def find(self, name: str) -> LoraSource:
        """Return the LoRA of that name; a file's ending may be left out. Raises LoraInvalid if there is none."""
        for path in (self._folder / name, self._folder / f"{name}{ENDING}"):
            if self._is_inside(path):
                return LoraSource(path.relative_to(self._folder).as_posix(), path)
        if name in self._repositories:
            return LoraSource(name, None)
        raise LoraInvalid("lora_path must be the name of a LoRA from /v1/loras/list.")

    def _files(self) -> Iterator[tuple[str, Path]]:
        count = 0
        for folder, folders, names in os.walk(self._folder):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for path in (Path(folder) / each for each in sorted(names) if each.endswith(ENDING)):
                name = path.relative_to(self._folder).as_posix()
                if _NAME.fullmatch(name) and self._is_inside(path):
                    yield name, path
                    if (count := count + 1) == MAX_FILES:
                        return

    def _is_inside(self, path: Path) -> bool:
        """Return whether a path is a LoRA's file below the folder; a symbolic link may not leave it."""
        relative = path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else ".."
        if path.suffix != ENDING or any(part.startswith(".") for part in relative.split("/")):
            return False
        try:
            return path.is_file() and path.resolve().is_relative_to(self._folder.resolve())
        except (OSError, RuntimeError, ValueError):  # too long a name, a loop of links, a NUL in it
            return False
