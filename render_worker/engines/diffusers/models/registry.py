"""Which models there are: the well-known ones, those that the settings allow, and those in MODEL_CACHE_DIR."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from render_worker.engines.capabilities import COMMON_PARAMETERS, DIFFUSION_PARAMETERS, Capabilities
from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.layout import INDEX, Layout, ModelFiles, model_files
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import EngineNotConfigured, InvalidParameter
from render_worker.sizes import SizeRange, Sizes

ENGINE = "diffusers"
WELL_KNOWN = {
    "sd-xl-base": ("stabilityai/stable-diffusion-xl-base-1.0", Layout.SDXL, 1024),
    "sd-2-1": ("stabilityai/stable-diffusion-2-1", Layout.SD2, 768),
    "sd-1-5": ("stable-diffusion-v1-5/stable-diffusion-v1-5", Layout.SD1, 512),
}
"""The repository, the kind and the own size of each."""
BY_REPOSITORY = {repository: name for name, (repository, _, _) in WELL_KNOWN.items()}
LEAST_SIDE, MOST_SIDE, STEP = 512, 1024, 8
MAX_DEPTH = 3  # of folders in MODEL_CACHE_DIR
USUAL_SIDE = 1024


@dataclass(frozen=True)
class ModelSource:
    """Where a model is."""

    name: str
    """In the registry."""
    folder: Path | None
    """None if it is not downloaded yet."""
    repository: str | None
    """At the Hub; None if it is a folder of the operator's."""
    files: ModelFiles | None
    """What is loaded of the folder; None without one, or if it is broken."""
    layout: Layout | None
    """None if it is not known before it is downloaded, or if it is broken."""
    sizes: Sizes
    problem: ModelUnusable | None = None
    """Why what is in the folder cannot be loaded."""


class ModelRegistry:
    """The models that requests may name. All of it is read anew from the disk, so that folders may come and go."""

    def __init__(self, settings: DiffusersSettings) -> None:
        self._root = settings.model_cache_dir
        self._default = settings.default_model_id
        self._allowed = settings.diffusers_models

    @property
    def default(self) -> str:
        """Return the name of the default model."""
        return self._canonical(self._default)

    def names(self) -> tuple[str, ...]:
        """Return every model's name, the default first."""
        known = [*WELL_KNOWN, *map(self._canonical, self._allowed), *map(self._canonical, self._folders())]
        default = [self.default] if self.default in known else []
        return tuple(dict.fromkeys([*default, *known]))

    def check(self) -> None:
        """Raise EngineNotConfigured if there is no model of the name in DEFAULT_MODEL_ID."""
        if self.default not in self.names():
            raise EngineNotConfigured(f"DEFAULT_MODEL_ID must be one of {', '.join(self.names())}.")

    def find(self, name: str) -> ModelSource:
        """Return where the model of that name is, or of that repository; `diffusers` and `auto` mean the default.

        Raises InvalidParameter if there is none.
        """
        name = self.default if name in (ENGINE, "auto") else self._canonical(name)
        if name not in self.names():
            raise InvalidParameter(f"model must be one of {', '.join(self.names())}.")
        repository, layout, side = WELL_KNOWN.get(name, (name, None, USUAL_SIDE))
        at_hub = repository if name in WELL_KNOWN or name in self._allowed else None
        folder = self._folder_of(name, repository)
        if folder is None:
            return ModelSource(name, None, at_hub, None, layout, sizes_of(side))
        try:
            files = model_files(folder)
        except ModelUnusable as problem:
            return ModelSource(name, folder, at_hub, None, layout, sizes_of(side), problem)
        return ModelSource(name, folder, at_hub, files, files.layout, sizes_of(files.side))

    def capabilities_of(self, name: str) -> Capabilities:
        """Return what the engine honours with that model."""
        sizes = self.find(name).sizes
        return Capabilities.of([*COMMON_PARAMETERS, *DIFFUSION_PARAMETERS, "previews"], sizes)

    def _canonical(self, name: str) -> str:
        """Return the registry's name of a model that may be named by its repository."""
        return BY_REPOSITORY.get(name, name)

    def _folder_of(self, name: str, repository: str) -> Path | None:
        """Return the folder of a model; None if it is not on disk."""
        for folder in (self._root / name, self._root / repository):
            if self._is_model(folder):
                return folder
        return None

    def _folders(self) -> Iterator[str]:
        """Yield the names of the models below MODEL_CACHE_DIR, sorted."""
        yield from sorted(self._below(self._root, ""))

    def _below(self, folder: Path, prefix: str, depth: int = 1) -> Iterator[str]:
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        except OSError:
            return
        for name in names:
            if self._is_model(folder / name):
                yield f"{prefix}{name}"
            elif depth < MAX_DEPTH and not (folder / name).is_symlink():
                yield from self._below(folder / name, f"{prefix}{name}/", depth + 1)

    def _is_model(self, folder: Path) -> bool:
        """Return whether a folder is a model's, and really below MODEL_CACHE_DIR."""
        return (folder / INDEX).is_file() and folder.resolve().is_relative_to(self._root.resolve())


def sizes_of(side: int) -> Sizes:
    """Return the sizes of a model that is made for a square of that side: from 512 to 1024, or from its own if less."""
    least, most = min(LEAST_SIDE, side), max(MOST_SIDE, side)
    return Sizes(((side, side),), SizeRange(least, most, STEP), promised=True)
