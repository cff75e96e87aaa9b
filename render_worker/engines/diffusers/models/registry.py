"""Which models there are: the well-known ones, those that the settings allow, and those in MODEL_CACHE_DIR."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from render_worker.engines.capabilities import COMMON_PARAMETERS, DIFFUSION_PARAMETERS, Capabilities
from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.folders import Stamp, model_folders, stamp_of, stays_within
from render_worker.engines.diffusers.models.hub_cache import HubCache
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.engines.diffusers.models.model_files import ModelFiles, model_files
from render_worker.engines.diffusers.settings import DiffusersSettings, ModelName
from render_worker.errors import EngineNotConfigured, InvalidParameter
from render_worker.sizes import SizeRange, Sizes

ENGINE = "diffusers"
WELL_KNOWN = {
    "sd-xl-base": ("stabilityai/stable-diffusion-xl-base-1.0", Layout.SDXL, 1024),
    "sd-2-1": ("stabilityai/stable-diffusion-2-1", Layout.SD2, 768),
    "sd-1-5": ("stable-diffusion-v1-5/stable-diffusion-v1-5", Layout.SD1, 512),
}
"""The repository, the kind and the own size of each."""
ALIASES = {repository: name for name, (repository, _, _) in WELL_KNOWN.items()}
LEAST_SIDE, MOST_SIDE, STEP = 512, 1024, 8
USUAL_SIDE = 1024
NAME = re.compile(get_args(ModelName)[1].pattern)
FRESH_SECONDS = 1.0  # a request asks for the models a dozen times
WAIT_SECONDS = 0.05  # for a disk to be read anew: the runtime's loop asks, and a network's disk may take seconds


@dataclass(frozen=True)
class ModelSource:
    """Where a model is."""

    name: str
    """In the registry."""
    repository: str | None
    """At the Hub; None if it is a folder of the operator's."""
    sizes: Sizes
    layout: Layout | None = None
    """None if that is not known before it is downloaded, or if it is broken."""
    folder: Path | None = None
    """None if it is not downloaded yet, or not wholly."""
    files: ModelFiles | None = None
    """What is loaded of the folder; None without one, or if it is broken."""
    stamp: Stamp = ()
    """Of the folder: another one means that it has changed."""
    problem: ModelUnusable | None = None
    """Why what is on disk cannot be loaded."""


class ModelRegistry:
    """The models that requests may name. Folders may come, go and change: they are looked for every second.

    Any thread may use it. Only what reads the disk for the first time, or `anew`, waits for a slow one to the end.
    """

    def __init__(
        self,
        settings: DiffusersSettings,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._root = settings.model_cache_dir
        self._default = settings.default_model_id
        self._allowed = settings.diffusers_models
        self.safety_checker = settings.checks_pictures
        self.cache = HubCache(settings.hf_home)
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._reading = threading.Lock()
        """Held while the disk is read."""
        self._sources: dict[str, ModelSource] = {}
        """The last reading, which is replaced and never changed."""
        self._read_at = float("-inf")

    @property
    def default(self) -> str:
        """Return the name of the default model."""
        return self.canonical(self._default)

    def names(self) -> tuple[str, ...]:
        """Return every model's name, the default first."""
        names = self._all()
        return tuple(dict.fromkeys([*([self.default] if self.default in names else []), *names]))

    def accepted(self) -> tuple[str, ...]:
        """Return every name that `find` accepts beside the engine's own: the models', and their repositories'."""
        names = self.names()
        return (*names, *(alias for alias, name in ALIASES.items() if name in names))

    def check(self) -> None:
        """Raise EngineNotConfigured if there is no model of the name in DEFAULT_MODEL_ID."""
        if self.default not in self.names():
            raise EngineNotConfigured(f"DEFAULT_MODEL_ID must be one of {', '.join(self.names())}.")

    def find(self, name: str, *, anew: bool = False) -> ModelSource:
        """Return where the model of that name is, or of that repository; `diffusers` and `auto` mean the default.

        With `anew` the disk is read even if it just was. Raises InvalidParameter if there is no such model.
        """
        source = self._all(anew=anew).get(self.canonical(name))
        if source is None:
            raise InvalidParameter(f"model must be one of {', '.join(self.names())}.")
        return source

    def canonical(self, name: str) -> str:
        """Return the registry's name of a model that may be named by its repository, or by the engine's name."""
        name = self._default if name in (ENGINE, "auto") else name
        return ALIASES.get(name, name)

    def capabilities_of(self, name: str) -> Capabilities:
        """Return what the engine honours with that model."""
        source = self.find(name)
        parameters = {*COMMON_PARAMETERS, *DIFFUSION_PARAMETERS, "previews"}
        if source.layout is Layout.FLUX:  # which takes no text of what should not be seen
            parameters.discard("negative_prompt")
        if source.files and not source.files.guided:
            parameters.discard("guidance_scale")
        return Capabilities.of(parameters, source.sizes)

    def _all(self, *, anew: bool = False) -> dict[str, ModelSource]:
        """Return every model by its name: of the last reading, if another one takes long."""
        if anew:
            with self._reading:
                self._refresh()
        elif not self._sources:
            with self._reading:
                if not self._sources:
                    self._refresh()
        elif not self._is_fresh() and self._reading.acquire(blocking=False):
            reader = threading.Thread(target=self._refresh_and_release, name="model-registry", daemon=True)
            reader.start()
            reader.join(self._wait_seconds)
        return self._sources

    def _is_fresh(self) -> bool:
        return self._clock() - self._read_at < FRESH_SECONDS

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._reading.release()

    def _refresh(self) -> None:
        self._sources = self._read()
        self._read_at = self._clock()

    def _read(self) -> dict[str, ModelSource]:
        folders = {name: path for name, path in model_folders(self._root).items() if NAME.fullmatch(name)}
        at_hub = {name: repository for name, (repository, _, _) in WELL_KNOWN.items()}
        at_hub |= {self.canonical(name): name for name in self._allowed}
        names = dict.fromkeys([*at_hub, *map(self.canonical, folders)])
        return {name: self._source(name, at_hub.get(name), folders) for name in names}

    def _source(self, name: str, repository: str | None, folders: dict[str, Path]) -> ModelSource:
        """Return a model: the operator's own folder of it if there is one, else what is downloaded."""
        own = folders.get(name) or folders.get(repository or name)
        folder = own or (self.cache.snapshot(repository) if repository else None)
        _, layout, side = WELL_KNOWN.get(name, (None, None, USUAL_SIDE))
        not_here = ModelSource(name, repository, sizes_of(side, STEP), layout)
        if folder is None or not (own or stays_within(folder, folder.parent.parent)):
            return not_here
        stamp = stamp_of(folder)
        if (known := self._sources.get(name)) and (known.folder or known.problem) and known.stamp == stamp:
            return known
        try:
            files = model_files(folder, safety_checker=self.safety_checker)
        except ModelUnusable as problem:
            return replace(not_here, layout=None, folder=own, stamp=stamp, problem=problem)
        return ModelSource(name, repository, sizes_of(files.side, files.step), files.layout, folder, files, stamp)


def sizes_of(side: int, step: int) -> Sizes:
    """Return the sizes of a model that is made for a square of that side: from 512 to 1024, or from its own if less."""
    return Sizes(((side, side),), SizeRange(min(LEAST_SIDE, side), max(MOST_SIDE, side), step), promised=True)
