"""Stable Diffusion and its kin in this process, by diffusers and PyTorch.

Nothing here imports them: they take seconds and 400 MB, which a worker without this engine must not pay.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from render_worker.browser.memory import MIB
from render_worker.contract import EngineHealth, LoadedModel, LoadModelRequest, LoraList, LoraRequest, LoraState, Recipe
from render_worker.engines.base import GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import COMMON_PARAMETERS, DIFFUSION_PARAMETERS, Capabilities
from render_worker.engines.diffusers.generation.generation_log import GenerationLog
from render_worker.engines.diffusers.generation.image_to_image import takes_no_step, unchanged
from render_worker.engines.diffusers.generation.progress import LoopReports
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest, Stopped
from render_worker.engines.diffusers.generation.translation import to_image, to_request
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.models.process import prepare
from render_worker.engines.diffusers.models.registry import ModelRegistry, sizes_of
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.engines.diffusers.shared_work import SharedWork
from render_worker.engines.loadable import LoadingEngine
from render_worker.engines.slots import Slots
from render_worker.errors import InvalidParameter, Stopping, WorkerError
from render_worker.imaging import SourcePicture, fitted

if TYPE_CHECKING:
    from render_worker.engines.diffusers.backend import Backend
    from render_worker.engines.diffusers.models.loaded_model import LoadedModel as ModelInMemory

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")

log = logging.getLogger(__name__)


class DiffusersEngine(LoadingEngine):
    """Pictures by models whose weights this process holds, made on one thread."""

    name = "diffusers"
    description = "Stable Diffusion, SDXL, Stable Diffusion 3 and FLUX in the worker itself, on its GPU or CPU."
    needs = "weights and, but for small ones, a GPU; its packages, PyTorch among them, take gigabytes"
    typical_seconds = 10
    dollars = 0.0
    capabilities = Capabilities.of((*COMMON_PARAMETERS, *DIFFUSION_PARAMETERS, "previews"), sizes_of(1024, 8))

    def __init__(self, settings: DiffusersSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.diffusers_concurrency)
        self._registry = ModelRegistry(settings)
        self._loras = Loras(settings)
        self._lora_work = SharedWork("loras")
        self._log = GenerationLog(settings.log_dir, prompts=settings.log_prompts)
        self._backend: Backend | None = None
        self._starting: asyncio.Task[Backend] | None = None
        self._first_load: asyncio.Task[None] | None = None
        self._problem: str | None = None

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]  # they come and go
        """Return the names that `model` accepts, as the models are on disk now."""
        return self._registry.accepted()

    def check(self) -> None:
        for package in PACKAGES:
            require_package(package, self.name)
        self._registry.check()

    def capabilities_of(self, model: str) -> Capabilities:
        try:
            return self._registry.capabilities_of(model)
        except InvalidParameter:  # a folder that has just gone, or a DEFAULT_MODEL_ID without one, which `check` says
            return self.capabilities

    async def start(self) -> None:
        """Begin to import PyTorch and to load the default model; `health` says when both are done."""
        self.check()
        self._first_load = asyncio.create_task(self._load_first())

    async def _load_first(self) -> None:
        try:
            backend = await self._running()
            await asyncio.wrap_future(backend.cache.load(self._registry.default))
        except Exception as error:  # noqa: BLE001 - such as a PyTorch for another GPU: `health` says it, the others go on
            self._problem = str(error) if isinstance(error, WorkerError) else f"It cannot start: {error}"
            log.warning("engine %s: %s", self.name, self._problem, extra={"kind": type(error).__name__})

    async def _running(self) -> "Backend":
        """Return the backend, which is started if need be; a request that is cancelled does not end its start."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_backend())
            self._starting.add_done_callback(self._has_started)
        return await asyncio.shield(self._starting)

    async def _start_backend(self) -> "Backend":
        def start() -> "Backend":
            prepare(self._settings)
            from render_worker.engines.diffusers.backend import Backend  # imports PyTorch

            return Backend(self._settings, self._registry, self._loras)

        return await asyncio.to_thread(start)

    def _has_started(self, task: "asyncio.Task[Backend]") -> None:
        if task.cancelled() or task.exception():
            self._starting = None  # the next request tries again
        else:
            self._backend = task.result()

    async def stop(self) -> None:
        if self._first_load:
            self._first_load.cancel()
        self._loras.close()
        self._lora_work.close()
        if self._backend:
            await asyncio.to_thread(self._backend.close)
        await asyncio.to_thread(self._log.close)

    def health(self) -> EngineHealth:
        begins = self._first_load is None or not self._first_load.done()
        details = self._backend.details() if self._backend else {}
        if self._backend and (failure := self._backend.maker.failure):
            return EngineHealth(state="down", reason=str(failure), details=details)
        if begins:
            return EngineHealth(state="starting", details=details)
        problem = None if self._in_memory(self._registry.default) else self._problem
        state = "down" if problem and not (self._backend and self._backend.loaded()) else "ready"
        return EngineHealth(state=state, reason=problem, details=details)

    def description_of(self, model: str) -> str:
        name = self._registry.canonical(model)
        return self.description if name == model else f"Another name of {name}."

    def weights_of(self, model: str) -> Mapping[str, bool | int | None]:
        try:
            source = self._registry.find(model)
        except InvalidParameter:
            return {}
        found = self._in_memory(source.name)
        return {
            "loaded": found is not None,
            "loading": self._backend is not None and self._backend.cache.is_loading(source.name),
            "size_bytes": source.files.size_bytes if source.files else None,
            "memory_mib": found.memory_bytes // MIB if found else None,
        }

    def _in_memory(self, name: str) -> "ModelInMemory | None":
        return self._backend.loaded().get(name) if self._backend else None

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        return await self._make(recipe, None, report)

    async def edit(self, recipe: Recipe, image: SourcePicture, report: Reporter) -> GeneratedImage:
        source = await asyncio.to_thread(fitted, image, self.plan(recipe).made)
        return await self._make(recipe, source, report)

    async def _make(self, recipe: Recipe, image: SourcePicture | None, report: Reporter) -> GeneratedImage:
        begun = time.monotonic()
        report("starting")
        with self._log.line_of(recipe, begun) as line:
            line.request = request = await self._request(recipe, image)
            if image and takes_no_step(request):
                line.steps = 0
                return unchanged(request, image)
            reports = LoopReports(report)
            request = dataclasses.replace(
                request, on_step=reports.on_step, on_preview=reports.on_preview if report.wants_previews else None
            )
            line.picture = picture = await self._picture(request, report)
        return to_image(request, picture, has_guidance=self.capabilities_of(request.model).guidance_scale)

    async def _request(self, recipe: Recipe, image: SourcePicture | None) -> DiffusionRequest:
        """Return the request for a recipe's picture. Raises a WorkerError if there cannot be one."""
        model = self._registry.find(recipe.model)
        lora = await self._lora_work.run_once(recipe.lora_path, self._loras.prepare) if recipe.lora_path else None
        return to_request(recipe, model, self.plan(recipe).made, self._settings.diffusers_steps, image, lora)

    async def _picture(self, request: DiffusionRequest, report: Reporter) -> DiffusionPicture:
        """Return the picture of a request; if this is cancelled, its work ends, and that of no other one."""
        backend = await self._running()
        if request.model in backend.loaded():
            report("generating")
        else:
            report("starting", f"Loading the model {request.model}.")
        try:
            return await asyncio.wrap_future(backend.generation.submit(request))
        except asyncio.CancelledError:
            request.stop.set()
            backend.generation.wake()
            raise
        except Stopped:
            raise Stopping("The render worker is being stopped.") from None

    async def load_model(self, request: LoadModelRequest) -> LoadedModel:
        begun = time.monotonic()
        source = self._registry.find(request.model)
        backend = await self._running()
        known = self._in_memory(source.name)
        loading = asyncio.wrap_future(backend.cache.load(source.name))
        loading.add_done_callback(lambda it: it.cancelled() or it.exception())  # if it is not waited for any more
        done, _ = await asyncio.wait({loading}, timeout=request.timeout_seconds)
        model = loading.result() if done else None
        is_new = model is None or model is not known
        return LoadedModel(
            model=source.name,
            loaded=model is not None,
            seconds=round(time.monotonic() - begun, 3) if is_new else 0,
            size_bytes=source.files.size_bytes if source.files else model and model.size_bytes,
            unloaded=list(model.displaced) if model and is_new else [],
        )

    async def loras(self) -> LoraList:
        backend = self._backend
        if backend is None:
            return await self._lora_work.run(self._loras.listed, [])
        return await self._lora_work.run(backend.with_loaded, self._loras.listed)

    async def load_lora(self, request: LoraRequest) -> LoraState:
        name = await self._lora_work.run_once(request.lora_path, self._loras.prepare)
        source = self._registry.find(request.model or self.name)
        backend = await self._running()
        state: LoraState | None = None
        while state is None:  # the model may have had to leave again before it is used
            await asyncio.wrap_future(backend.cache.load(source.name))
            work = partial(self._loras.load, name=name)
            state = await self._lora_work.run(backend.with_model, source.name, work)
        return state

    async def unload_lora(self, request: LoraRequest) -> LoraState:
        state = await self._lora_work.run(self._loras.unload, request.lora_path)
        if self._backend:
            self._backend.free_unloaded_loras()
        return state
