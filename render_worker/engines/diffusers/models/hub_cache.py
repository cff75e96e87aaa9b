"""Models that were downloaded from the Hub, in the folder that its own tools use.

Its layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import importlib.util
import os
from pathlib import Path

REVISION = "main"


class HubCache:
    """The cache on disk."""

    def __init__(self, home: Path | None) -> None:
        self.folder = home / "hub" if home else _usual_folder()

    def snapshot(self, repository: str) -> Path | None:
        """Return the folder of what was downloaded of a repository last; None if nothing was. It may be incomplete."""
        try:
            commit = self._reference(repository).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        snapshot = self._folder_of(repository) / "snapshots" / commit
        return snapshot if commit.isalnum() and snapshot.is_dir() else None

    def set_latest(self, repository: str, commit: str) -> None:
        """Have `snapshot` return the folder of this version."""
        reference = self._reference(repository)
        reference.parent.mkdir(parents=True, exist_ok=True)
        temporary = reference.with_name(f".{reference.name}.{os.getpid()}")
        temporary.write_text(commit)
        temporary.replace(reference)

    def _reference(self, repository: str) -> Path:
        return self._folder_of(repository) / "refs" / REVISION

    def _folder_of(self, repository: str) -> Path:
        return self.folder / f"models--{repository.replace('/', '--')}"


def _usual_folder() -> Path:
    """Return the folder that the Hub's tools use if no HF_HOME is set."""
    if importlib.util.find_spec("huggingface_hub"):
        from huggingface_hub.constants import HF_HUB_CACHE  # takes long to import, and only some need it

        return Path(HF_HUB_CACHE)
    return Path.home() / ".cache" / "huggingface" / "hub"
