"""LoRAs of the Hub that the settings allow, each a repository or a file in one."""

import threading
from pathlib import Path

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.loras.library import ENDING
from render_worker.engines.diffusers.models.downloads import download_error, progress_bar
from render_worker.engines.diffusers.models.hub_cache import REVISION, HubCache
from render_worker.engines.diffusers.models.process import prepare
from render_worker.engines.diffusers.settings import DiffusersSettings

USUAL_FILE = f"pytorch_lora_weights{ENDING}"
REPOSITORY_PARTS = 2  # owner/name


class HubLoras:
    """Finds LoRAs that were downloaded, and downloads others."""

    def __init__(self, settings: DiffusersSettings, endpoint: str | None = None) -> None:
        """Without an endpoint the Hub is where its own tools look for it."""
        self._settings = settings
        self._endpoint = endpoint
        self._cache = HubCache(settings.hf_home)
        self._stopped = threading.Event()

    def cached(self, name: str) -> Path | None:
        """Return the file of a LoRA that was downloaded; None if it was not."""
        repository, file = _split(name)
        folder = self._cache.snapshot(repository)
        if folder is None:
            return None
        file = file or _chosen([path.relative_to(folder).as_posix() for path in folder.rglob(f"*{ENDING}")])
        return folder / file if file and (folder / file).is_file() else None

    def download(self, name: str) -> Path:
        """Return the file of a LoRA, which is downloaded if need be. Raises an EngineError if it cannot be had."""
        if found := self.cached(name):
            return found
        prepare(self._settings)
        try:
            return self._download(name)
        except Exception as error:  # whatever the Hub's client raises
            raise download_error(f"LoRA {name}", error) from error

    def close(self) -> None:
        """Stop the downloads in progress."""
        self._stopped.set()

    def _download(self, name: str) -> Path:
        from huggingface_hub import HfApi, hf_hub_download  # takes long to import

        repository, file = _split(name)
        known = self._cache.snapshot(repository)  # of a model in the same repository: its version stays what it is
        found = HfApi(endpoint=self._endpoint).model_info(repository, revision=known.name if known else REVISION)
        file = file or _chosen([it.rfilename for it in found.siblings or ()])
        if file is None or not found.sha:
            raise ModelUnusable(f"The LoRA {name} is no single {ENDING} file: DIFFUSERS_LORAS must name which one.")
        path = hf_hub_download(
            repository,
            file,
            revision=found.sha,
            cache_dir=self._cache.folder,
            endpoint=self._endpoint,
            tqdm_class=progress_bar(self._stopped),
        )
        self._cache.set_latest(repository, found.sha)
        return Path(path)


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
