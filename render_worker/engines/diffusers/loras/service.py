"""The LoRAs of the engine: which there are, which are in memory, and which one the next picture is made with."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from render_worker.contract import Lora, LoraList, LoraState
from render_worker.engines.diffusers.errors import LoraInvalid, OutOfMemory
from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.loras.files import LoraFile, LoraFiles, Stamp
from render_worker.engines.diffusers.loras.header_check import ModelLayers
from render_worker.engines.diffusers.loras.hub import HubLoras
from render_worker.engines.diffusers.loras.library import ENDING, LoraLibrary, LoraSource
from render_worker.engines.diffusers.loras.module_shapes import components_of, targets_of
from render_worker.engines.diffusers.loras.problem import LoraProblem
from render_worker.engines.diffusers.settings import DiffusersSettings

if TYPE_CHECKING:  # these import PyTorch
    from render_worker.engines.diffusers.loras.adapter import Adapter, Attached
    from render_worker.engines.diffusers.models.loaded_model import LoadedModel


@dataclass
class _ModelLoras:
    """The LoRAs that are in memory with one model."""

    layers: ModelLayers
    loaded: "OrderedDict[str, tuple[Stamp, Adapter]]" = field(default_factory=OrderedDict)
    """The one that was used longest ago first."""
    active: "tuple[Adapter, float, Attached] | None" = None
    """The one that pictures are made with; only the generation thread asks for it."""


class Loras:
    """Any thread may use it, but for `apply` and `detach_unloaded`.

    Its methods read files: they are not for the runtime's loop.
    """

    def __init__(self, settings: DiffusersSettings) -> None:
        self._library = LoraLibrary(settings.lora_dir, settings.diffusers_loras)
        self._hub = HubLoras(settings)
        self._files = LoraFiles()
        self._limit = settings.diffusers_lora_limit
        self._lock = threading.Lock()
        self._models: WeakKeyDictionary[LoadedModel, _ModelLoras] = WeakKeyDictionary()

    def prepare(self, name: str) -> str:
        """Return a LoRA's own name after its file was downloaded, if need be, and its header was read.

        Raises LoraInvalid if there is none of that name or if it is broken, ModelUnusable if it cannot be downloaded.
        """
        source = self._library.find(name)
        try:
            self._files.read(self._file(source))
        except LoraProblem as problem:
            raise LoraInvalid(
                f"lora_path must name a LoRA that can be used, and {source.name} is none: {problem}."
            ) from problem
        return source.name

    def apply(self, model: "LoadedModel", use: LoraUse | None) -> None:
        """Have the model's next pictures made with exactly this LoRA. To be called on the generation thread alone.

        Raises LoraInvalid if it does not fit; then the model is as it was.
        """
        adapter = self._adapter(model, self._library.find(use.name)) if use else None
        of_model = self._of(model)
        wanted = (adapter, use.scale) if adapter and use and use.scale else None
        if of_model.active:
            if wanted and of_model.active[:2] == wanted:
                return
            of_model.active[2].detach()
            of_model.active = None
        if wanted:
            of_model.active = (*wanted, wanted[0].attach(components_of(model.pipe), wanted[1]))

    def load(self, model: "LoadedModel", name: str) -> LoraState:
        """Load a LoRA for a model. Raises as `prepare` does, and LoraInvalid if it does not fit."""
        source = self._library.find(name)
        self._adapter(model, source)
        return LoraState(lora_path=source.name, loaded=True, model=model.name)

    def unload(self, name: str) -> LoraState:
        """Forget a LoRA with every model, also if its file is gone. Raises LoraInvalid if there is none of that name.

        One that the last picture was made with stays in memory until `detach_unloaded`.
        """
        found = self._named(name)
        with self._lock:
            for of_model in self._models.values():
                of_model.loaded.pop(found, None)
        return LoraState(lora_path=found, loaded=False)

    def detach_unloaded(self) -> None:
        """Detach the LoRAs that were unloaded from their models. To be called on the generation thread alone."""
        with self._lock:
            for of_model in self._models.values():
                kept = [adapter for _, adapter in of_model.loaded.values()]
                if of_model.active and of_model.active[0] not in kept:
                    of_model.active[2].detach()
                    of_model.active = None

    def clear(self) -> None:
        """Forget every LoRA, so that there is memory for something else."""
        with self._lock:
            for of_model in self._models.values():
                of_model.loaded.clear()

    def close(self) -> None:
        """Stop the downloads in progress, and forget every LoRA."""
        self._hub.close()
        self.clear()

    def listed(self, models: Iterable["LoadedModel"]) -> LoraList:
        """Return every LoRA, and which of these loaded models it fits."""
        each = {model.name: self._of(model) for model in models}
        found = [self._described(source, each) for source in self._library.sources()]
        with self._lock:
            gone = _loaded_names(each.values()) - {lora.lora_path for lora in found}
        found += [Lora(lora_path=name, loaded=True, problem="Its file is gone.") for name in gone]
        return LoraList(loras=sorted(found, key=lambda lora: lora.lora_path))

    def _named(self, name: str) -> str:
        """Return a LoRA's own name, also if its file is gone and it is in memory yet.

        Raises LoraInvalid if there is none of that name.
        """
        try:
            return self._library.find(name).name
        except LoraInvalid:
            with self._lock:
                loaded = _loaded_names(self._models.values())
            gone = [own for own in (name, f"{name}{ENDING}") if own in loaded]
            if not gone:
                raise
            return gone[0]

    def _described(self, source: LoraSource, models: dict[str, _ModelLoras]) -> Lora:
        with self._lock:
            loaded = any(source.name in of_model.loaded for of_model in models.values())
        path = source.path or self._hub.cached(source.name)
        if path is None:
            return Lora(lora_path=source.name, loaded=loaded)
        try:
            file = self._files.read(path)
        except LoraProblem as problem:
            size = path.stat().st_size if path.is_file() else None
            return Lora(lora_path=source.name, size_bytes=size, loaded=loaded, problem=problem.sentence)
        fits = [name for name, of_model in models.items() if of_model.layers.has_all(file.header)]
        return Lora(lora_path=source.name, size_bytes=file.stamp[1], loaded=loaded, fits=fits)

    def _file(self, source: LoraSource) -> Path:
        return source.path or self._hub.download(source.name)

    def _of(self, model: "LoadedModel") -> _ModelLoras:
        """Return what is kept for a model."""
        with self._lock:
            if model not in self._models:
                self._models[model] = _ModelLoras(ModelLayers(targets_of(components_of(model.pipe))))
            return self._models[model]

    def _adapter(self, model: "LoadedModel", source: LoraSource) -> "Adapter":
        """Return a LoRA that is loaded for a model, after it was loaded if need be, or if its file is another one."""
        of_model = self._of(model)
        try:
            file = self._files.read(self._file(source))
            with self._lock:
                stamp, adapter = of_model.loaded.get(source.name, (None, None))
                if adapter and stamp == file.stamp:
                    of_model.loaded.move_to_end(source.name)
                    return adapter
            adapter = _read(model, of_model.layers, file)
        except LoraProblem as problem:
            raise LoraInvalid(
                f"lora_path must name a LoRA that fits the model {model.name}, and {source.name} does not: {problem}."
            ) from problem
        with self._lock:
            of_model.loaded[source.name] = file.stamp, adapter
            of_model.loaded.move_to_end(source.name)
            while len(of_model.loaded) > self._limit:
                of_model.loaded.popitem(last=False)
        return adapter


def _loaded_names(models: Iterable[_ModelLoras]) -> set[str]:
    return {name for of_model in models for name in of_model.loaded}


def _read(model: "LoadedModel", layers: ModelLayers, file: LoraFile) -> "Adapter":
    """Return the LoRA of a file, on the model's device.

    Raises LoraProblem if it does not fit, or is broken, and OutOfMemory if there is no room for it.
    """
    from render_worker.engines.diffusers.loras.adapter import read_adapter
    from render_worker.engines.diffusers.models.allocation_failures import is_out_of_memory

    placements = layers.place(file.header)
    try:
        return read_adapter(file.path, file.header, placements, components_of(model.pipe), model.device.name)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory(f"There is no memory left for the LoRA {file.path.name}.") from error
        raise
