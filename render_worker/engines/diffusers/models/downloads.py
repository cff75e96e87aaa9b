"""Downloads models from the Hub. A file that is there stays; one that was cut off is gone on with."""

import logging
import threading
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.hub_cache import REVISION, HubCache
from render_worker.engines.diffusers.models.layout import INDEX
from render_worker.engines.diffusers.models.model_files import SAFETY_CHECKER, VARIANT
from render_worker.engines.diffusers.models.task_thread import TaskThread
from render_worker.errors import EngineError, EngineUnreachable

PARTS = frozenset(
    name + number
    for name in ("unet", "transformer", "vae", "text_encoder", "tokenizer", "scheduler")
    for number in ("", "_2", "_3")
)
TEXTS = (".json", ".txt")
WEIGHTS = ".safetensors"
MAX_FILES = 500

log = logging.getLogger(__name__)


class DownloadStopped(Exception):
    """Raised within a download if the worker stops."""


class Downloads:
    """One download at a time, on a thread of its own."""

    def __init__(self, cache: HubCache, *, safety_checker: bool = False, endpoint: str | None = None) -> None:
        """Without an endpoint the Hub is where its own tools look for it: at HF_ENDPOINT, if that is set."""
        self._cache = cache
        self._endpoint = endpoint
        self._parts = PARTS | ({SAFETY_CHECKER, "feature_extractor"} if safety_checker else set())
        self._stopped = threading.Event()
        self._thread = TaskThread("model-download")

    def start(
        self, repository: str, go_on: Callable[[], None], give_up: Callable[[BaseException], None], *, halved: bool
    ) -> None:
        """Download a model, and call one of the functions, on the thread of the downloads."""

        def work() -> None:
            try:
                self.download(repository, halved=halved)
            except BaseException as error:  # noqa: BLE001 - whatever it is, those that wait are told
                give_up(error)
            else:
                go_on()

        self._thread.submit(work)

    def close(self) -> None:
        """Stop the download in progress, without waiting for it."""
        self._stopped.set()
        self._thread.close(0)

    def download(self, repository: str, *, halved: bool) -> None:
        """Download what is loaded of a model, and have it be the cache's latest one then, not before.

        With `halved` the weights in half precision are taken if there are such. Raises an EngineError if that fails.
        """
        try:
            self._download(repository, halved=halved)
        except Exception as error:  # whatever the Hub's client raises
            raise download_error(f"model {repository}", error) from error

    def _download(self, repository: str, *, halved: bool) -> None:
        from huggingface_hub import HfApi, hf_hub_download  # takes long to import

        found = HfApi(endpoint=self._endpoint).model_info(repository, revision=REVISION)
        names = self.chosen([it.rfilename for it in found.siblings or ()], halved=halved)
        if INDEX not in names:
            raise ModelUnusable(f"The model {repository} cannot be loaded: it has no {INDEX}.")
        if not found.sha:
            raise EngineUnreachable("The Hub's reply has no version of the model.")
        log.info("Downloading %d files of the model %s.", len(names), repository)
        for name in names:
            hf_hub_download(
                repository,
                name,
                revision=found.sha,
                cache_dir=self._cache.folder,
                endpoint=self._endpoint,
                tqdm_class=progress_bar(self._stopped),
            )
        self._cache.set_latest(repository, found.sha)

    def chosen(self, names: list[str], *, halved: bool) -> list[str]:
        """Return the files of a repository that are loaded: of each part one variant."""
        mine = [name for name in names if name == INDEX or self._is_of_part(name)]
        texts = [name for name in mine if name.endswith(TEXTS)]
        weights = [name for name in mine if name.endswith(WEIGHTS)]
        chosen: list[str] = []
        for part in sorted({name.split("/")[0] for name in weights}):
            of_part = [name for name in weights if name.startswith(f"{part}/")]
            half = [name for name in of_part if f".{VARIANT}." in name or f".{VARIANT}-" in name]
            whole = [name for name in of_part if name not in half and _is_plain(name)]
            chosen += (half or whole) if halved else (whole or half)
        return [*texts, *chosen][:MAX_FILES]

    def _is_of_part(self, name: str) -> bool:
        path = PurePosixPath(name)
        return len(path.parts) == 2 and path.parts[0] in self._parts and ".." not in path.parts


def progress_bar(stopped: threading.Event) -> Any:
    """Return a class of progress bars that show nothing, and end the download if the worker stops."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc] # tqdm has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True, "name": None})

        def update(self, n: float | None = 1) -> Any:
            if stopped.is_set():
                raise DownloadStopped
            return super().update(n)

    return Bar


def _is_plain(name: str) -> bool:
    """Return whether a file's name has no variant, as `model.safetensors` and `model-00001-of-00002.safetensors`."""
    return "." not in PurePosixPath(name).name.removesuffix(WEIGHTS)


def download_error(what: str, error: Exception) -> EngineError:
    """Return the error of a download as clients are told it; `what` is such as `model owner/name`."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if isinstance(error, EngineError):
        return error
    if isinstance(error, DownloadStopped):
        return EngineError("The render worker stops.")
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    log.warning("The %s cannot be downloaded: %s", what, reason)
    log.debug("The error of the download", exc_info=error)
    if isinstance(error, RepositoryNotFoundError | GatedRepoError):
        return ModelUnusable(f"The Hub has no {what} for this render worker: a private or gated one needs an HF_TOKEN.")
    if isinstance(error, HfHubHTTPError):
        return EngineUnreachable(f"The Hub answered {error.response.status_code} instead of the {what}.")
    if isinstance(error, OSError) and error.errno is not None:
        return EngineError(f"The {what} cannot be stored: {error.strerror}.")
    return EngineUnreachable(f"The Hub cannot be reached for the {what}.")
