"""Stable Diffusion and its kin in this process, by diffusers and PyTorch.

Nothing here imports them: they take seconds and 400 MB, which a worker without this engine must not pay.
"""

from render_worker.contract import LoadedModel, LoadModelRequest, LoraList, LoraRequest, LoraState, Recipe
from render_worker.engines.base import GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import PARAMETERS, Capabilities
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.engines.loadable import LoadingEngine
from render_worker.engines.slots import Slots
from render_worker.sizes import SizeRange, Sizes

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")
SIZES = Sizes(((1024, 1024), (1024, 680), (680, 1024)), SizeRange(least=512, most=1024, step=8), promised=True)


class DiffusersEngine(LoadingEngine):
    """Pictures by models whose weights this process holds, made on one thread."""

    name = "diffusers"
    description = "Stable Diffusion, SDXL, Stable Diffusion 3 and FLUX in the worker itself, on its GPU or CPU."
    needs = "weights and, but for small ones, a GPU; its packages, PyTorch among them, take gigabytes"
    typical_seconds = 10
    dollars = 0.0
    capabilities = Capabilities.of(PARAMETERS | {"previews"}, SIZES)
    models = ("sd-xl-base", "sd-2-1", "sd-1-5")

    def __init__(self, settings: DiffusersSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.diffusers_concurrency)

    def check(self) -> None:
        for package in PACKAGES:
            require_package(package, self.name)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        raise NotImplementedError

    async def load_model(self, request: LoadModelRequest) -> LoadedModel:
        raise NotImplementedError

    async def loras(self) -> LoraList:
        raise NotImplementedError

    async def load_lora(self, request: LoraRequest) -> LoraState:
        raise NotImplementedError

    async def unload_lora(self, request: LoraRequest) -> LoraState:
        raise NotImplementedError
