"""Pictures by a server of one's own: AUTOMATIC1111's web UI, Forge, reForge, SD.Next or stable-diffusion.cpp.

Its API, /sdapi/v1, is documented at the server itself, at /docs.
"""

import asyncio
import base64
import json
import random
import uuid
from dataclasses import replace
from functools import partial

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.automatic1111.checkpoints import Checkpoint, model_name
from render_worker.engines.automatic1111.progress import Job
from render_worker.engines.automatic1111.prompts import COMMENT, require_no_comment, texts_of
from render_worker.engines.automatic1111.replies import Made, made
from render_worker.engines.automatic1111.server import Server
from render_worker.engines.automatic1111.settings import Automatic1111Settings
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import COMMON_PARAMETERS, Capabilities
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured
from render_worker.imaging import SourcePicture, fitted
from render_worker.sizes import SizeRange, Sizes

HONOURED = COMMON_PARAMETERS | {"steps"}
USUAL_STRENGTH = 0.75  # the web UI's own
LOADING = "Making the picture; if its model has to be loaded first, that may take minutes."
# Which model it runs is not known before; `promised` is left out, for scripts of the server may enlarge its pictures.
SIZES = {
    "1024": Sizes(((1024, 1024), (1216, 832), (832, 1216)), SizeRange(least=512, most=2048, step=8)),
    "512": Sizes(((512, 512), (768, 512), (512, 768)), SizeRange(least=512, most=2048, step=8)),
}


class Automatic1111Engine(Engine):
    """Pictures by one server, which makes them one after another for all its clients."""

    name = "automatic1111"
    description = "Stable Diffusion on a server of one's own: AUTOMATIC1111, Forge, SD.Next or stable-diffusion.cpp."
    needs = "such a server, started with `--api`: `AUTOMATIC1111_URL`"
    typical_seconds = 30
    capabilities = Capabilities.of(HONOURED, SIZES["1024"])
    dollars = 0.0

    def __init__(self, settings: Automatic1111Settings) -> None:
        self._settings = settings
        self._server = Server(settings)
        self.slots = Slots(settings.automatic1111_concurrency)
        name = model_name(settings.automatic1111_model)
        self.models = (name,) if name else ()

    async def stop(self) -> None:
        await self._server.stop()

    def check(self) -> None:
        if not self._settings.automatic1111_url:
            raise EngineNotConfigured("AUTOMATIC1111_URL not configured.")

    def capabilities_of(self, model: str) -> Capabilities:
        fixed = {"guidance_scale"} if self._settings.automatic1111_cfg_scale is not None else set()
        return Capabilities.of(HONOURED - fixed, SIZES[self._settings.automatic1111_native])

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        return await self._make("/txt2img", recipe, report, {})

    async def edit(self, recipe: Recipe, image: SourcePicture, report: Reporter) -> GeneratedImage:
        size = self.plan(recipe).made  # each of these servers fits it in a way of its own
        source = await asyncio.to_thread(lambda: base64.b64encode(fitted(image, size).data).decode())
        strength = USUAL_STRENGTH if recipe.strength is None else recipe.strength
        more = {"init_images": [source], "denoising_strength": strength, "include_init_images": False}
        return replace(await self._make("/img2img", recipe, report, more), strength=strength)

    async def _make(self, path: str, recipe: Recipe, report: Reporter, more: dict[str, object]) -> GeneratedImage:
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        job = Job(f"image-generation-api-{uuid.uuid4().hex}", alone=self._server.is_alone_there)
        body = {**self._body(recipe, seed), **more, "force_task_id": job.task}
        report("starting", "Looking at the server.")
        if COMMENT in recipe.prompt + (recipe.negative_prompt or "") and await self._server.reads_comments():
            require_no_comment(recipe)
        checkpoint = await self._server.checkpoint()
        if checkpoint:
            body["override_settings"] = {"sd_model_checkpoint": checkpoint.title}
        report("generating", LOADING)
        content = await asyncio.to_thread(lambda: json.dumps(body).encode())
        reply = await self._server.make(path, content, job, report)
        found = await asyncio.to_thread(partial(made, reply, seed))
        scale = None if self._settings.automatic1111_cfg_scale is not None else recipe.guidance_scale
        note = self._note(checkpoint, found)
        return GeneratedImage(found.data, found.seed, scale, note=note, model=found.model, steps=found.steps)

    def _note(self, checkpoint: Checkpoint | None, found: Made) -> str | None:
        """Return what a client should know if the picture is of another checkpoint, as if that has been removed."""
        if checkpoint is None or found.model is None or found.model.casefold() in checkpoint.names:
            return None
        self._server.forget_checkpoint()
        return f"The server made it with its checkpoint {found.model}, and not with the one that is configured."

    def _body(self, recipe: Recipe, seed: int) -> dict[str, object]:
        """Return the request: every field, as the servers' defaults differ. Raises InvalidParameter of a prompt."""
        settings = self._settings
        width, height = self.plan(recipe).made
        fixed = settings.automatic1111_cfg_scale
        return {
            **texts_of(recipe),
            "width": width,
            "height": height,
            "seed": seed,
            "steps": recipe.steps or settings.automatic1111_steps,
            "cfg_scale": recipe.guidance_scale if fixed is None else fixed,
            "sampler_name": settings.automatic1111_sampler,
            "scheduler": settings.automatic1111_scheduler,
            "batch_size": 1,
            "n_iter": 1,
            "send_images": True,
            "save_images": False,
            "override_settings": {},
            "override_settings_restore_afterwards": True,
        }
