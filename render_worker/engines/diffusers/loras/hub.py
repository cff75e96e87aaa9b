"""LoRAs of the Hub that the settings allow, each a repository or a file in one."""

from pathlib import Path

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.loras.library import ENDING
from render_worker.optional_packages import missing_package

USUAL_FILE = f"pytorch_lora_weights{ENDING}"
REPOSITORY_PARTS = 2  # owner/name


class HubLoras:
    """Downloads LoRAs, each once. `cache` is the folder of downloads; None means the Hub's own."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache

    def cached(self, name: str) -> Path | None:
        """Return the file of a LoRA that was downloaded; None if it was not."""
        if missing_package("huggingface_hub", "engine diffusers", "diffusers"):
            return None
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        repository, file = _split(name)
        try:
            folder = Path(snapshot_download(repository, cache_dir=self._cache, local_files_only=True))
        except LocalEntryNotFoundError:
            return None
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob(f"*{ENDING}"))]
        chosen = file if file in names else _chosen(names) if file is None else None
        return folder / chosen if chosen else None

    def download(self, name: str) -> Path:
        """Return the file of a LoRA, which is downloaded if need be. Raises ModelUnusable if it cannot be had."""
        if found := self.cached(name):
            return found
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        repository, file = _split(name)
        try:
            file = file or _chosen(HfApi().list_repo_files(repository))
            if file is None:
                raise ModelUnusable(f"The LoRA {name} is no single {ENDING} file: DIFFUSERS_LORAS must name which one.")
            return Path(hf_hub_download(repository, file, cache_dir=self._cache))
        except (HfHubHTTPError, OSError, ValueError) as error:  # no such file, no right to it, no network, a full disk
            raise ModelUnusable(f"The LoRA {name} could not be downloaded ({type(error).__name__}).") from error


def _split(name: str) -> tuple[str, str | None]:
    """Return the repository of a name, and the file in it if it names one."""
    parts = name.split("/")
    return "/".join(parts[:REPOSITORY_PARTS]), "/".join(parts[REPOSITORY_PARTS:]) or None


def _chosen(names: list[str]) -> str | None:
    """Return which of a repository's files is its LoRA: the one of the usual name, else the only one."""
    files = [name for name in names if name.endswith(ENDING)]
    if USUAL_FILE in files:
        return USUAL_FILE
    return files[0] if len(files) == 1 else None
