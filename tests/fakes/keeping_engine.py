"""An engine in the place of `diffusers` that keeps models and LoRAs as that does, with flat pictures and no PyTorch."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from render_worker.contract import LoadedModel, LoadModelRequest, Lora, LoraList, LoraRequest, LoraState
from render_worker.engines import ENGINES, EngineRegistration
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.engines.capabilities import PARAMETERS, Capabilities
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.engines.loadable import LoadingEngine
from render_worker.engines.slots import Slots
from render_worker.errors import InvalidParameter
from render_worker.sizes import Sizes
from tests.fakes.played import drawn

MODELS = {"sd-xl-base": 7_000_000_000, "sd-1-5": 4_000_000_000}
LORAS = {"ink.safetensors": ["sd-xl-base"], "deep/pixel.safetensors": []}
ROOM = 1  # of models in memory
USUAL_STEPS = 25


class KeepingEngine(LoadingEngine):
    """Keeps one model at a time; a load takes `load_seconds`, and a request of a model loads it."""

    name = "diffusers"
    description = "Models of this machine."
    needs = "a machine"
    typical_seconds = 1
    dollars = 0.0
    capabilities = Capabilities.of(PARAMETERS, Sizes(((512, 512), (768, 512), (512, 768))))
    load_seconds = 0.0

    def __init__(self, settings: DiffusersSettings) -> None:
        self.slots = Slots(8)
        self.recipes: list[object] = []
        self.loaded: list[str] = []
        self.loading: dict[str, asyncio.Task[None]] = {}
        self.kept_loras: dict[str, str] = {}

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(MODELS)

    def weights_of(self, model: str) -> Mapping[str, bool | int | None]:
        name = self._named(model)
        loaded = name in self.loaded
        memory = MODELS[name] // 1024**2 if loaded else None
        return {"loaded": loaded, "loading": name in self.loading, "size_bytes": MODELS[name], "memory_mib": memory}

    async def load_model(self, request: LoadModelRequest) -> LoadedModel:
        begun = time.monotonic()
        name = self._named(request.model)
        unloaded = [] if name in self.loaded else list(self.loaded)
        await asyncio.wait([self._load(name)], timeout=request.timeout_seconds)
        return LoadedModel(
            model=name,
            loaded=name in self.loaded,
            seconds=time.monotonic() - begun,
            size_bytes=MODELS[name],
            unloaded=unloaded if name in self.loaded else [],
        )

    def _load(self, name: str) -> "asyncio.Task[None]":
        if name not in self.loading:
            self.loading[name] = asyncio.ensure_future(self._loaded(name))
        return self.loading[name]

    async def _loaded(self, name: str) -> None:
        await asyncio.sleep(self.load_seconds if name not in self.loaded else 0)
        del self.loading[name]
        self.loaded = [name]

    async def loras(self) -> LoraList:
        return LoraList(loras=[self._lora(name) for name in LORAS])

    def _lora(self, name: str) -> Lora:
        problem = None if LORAS[name] else "It is no LoRA."
        return Lora(lora_path=name, size_bytes=1000, loaded=name in self.kept_loras, fits=LORAS[name], problem=problem)

    async def load_lora(self, request: LoraRequest) -> LoraState:
        model = self._named(request.model or self.name)
        if model not in self._lora_named(request.lora_path):
            raise InvalidParameter(f"lora_path does not fit {model}: to_v wants 64 there, the LoRA has 32.")
        await self._load(model)
        self.kept_loras[request.lora_path] = model
        return LoraState(lora_path=request.lora_path, loaded=True, model=model)

    async def unload_lora(self, request: LoraRequest) -> LoraState:
        self._lora_named(request.lora_path)
        self.kept_loras.pop(request.lora_path, None)
        return LoraState(lora_path=request.lora_path, loaded=False)

    async def generate(self, recipe, report):
        self.recipes.append(recipe)
        if recipe.lora_path:
            self._lora_named(recipe.lora_path)
        await self._load(self._named(recipe.model))
        steps = recipe.steps or USUAL_STEPS
        for step in range(1, steps + 1):
            report("generating", step=step, total=steps)
        return GeneratedImage(
            drawn(self.plan(recipe).made),
            7 if recipe.seed < 0 else recipe.seed,
            recipe.guidance_scale,
            model=self._named(recipe.model),
            steps=steps,
            scheduler=recipe.scheduler or "euler",
        )

    async def edit(self, recipe, image, report):
        return await self.generate(recipe, report)

    def _named(self, model: str) -> str:
        name = next(iter(MODELS)) if model in ("auto", self.name) else model
        if name not in MODELS:
            raise InvalidParameter(f"model must be one of {', '.join(MODELS)}.")
        return name

    def _lora_named(self, name: str) -> list[str]:
        if name not in LORAS:
            raise InvalidParameter(f"lora_path must be one of {', '.join(LORAS)}.")
        return LORAS[name]


@dataclass(frozen=True)
class _Registration(EngineRegistration):
    def load(self) -> type[Engine]:
        return KeepingEngine


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a worker of this process make this engine for `diffusers` in ENGINES."""
    monkeypatch.setitem(ENGINES, "diffusers", _Registration(DiffusersSettings, "diffusers.engine:DiffusersEngine"))
