"""ComfyUI as an engine."""

from render_worker.contract import Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.comfyui.settings import ComfyUISettings
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured
from render_worker.sizes import Sizes


class ComfyUIEngine(Engine):
    """Pictures by ComfyUI."""

    name = "comfyui"
    description = "ComfyUI."
    needs = "TO BE WRITTEN"
    typical_seconds = 10
    capabilities = Capabilities(Sizes(((1024, 1024),)))

    def __init__(self, settings: ComfyUISettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.engine_concurrency)

    def check(self) -> None:
        raise EngineNotConfigured("ComfyUI is not built yet.")

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        raise NotImplementedError
