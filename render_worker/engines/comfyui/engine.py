"""ComfyUI as an engine: a workflow is filled in, submitted and watched, and nothing of it stays there."""

import asyncio
import random
import re
from dataclasses import replace
from typing import Any

from render_worker.cancellation import run_shielded
from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter, require_package
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.comfyui.client import ComfyUIClient, require_checkpoint
from render_worker.engines.comfyui.graphs import OF_IMAGE, OF_TEXT
from render_worker.engines.comfyui.run import Run
from render_worker.engines.comfyui.settings import ComfyUISettings
from render_worker.engines.comfyui.visit import Visit
from render_worker.engines.comfyui.workflow import Workflow
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured, InvalidParameter
from render_worker.imaging import SourcePicture
from render_worker.outbound.replies import printable

LEAVING_SECONDS = 1.8  # less than a cancelled generation may take to clean up; the rest goes on without it
USUAL_STRENGTH = 0.75
LEAST_STRENGTH = 0.01  # KSampler lays out steps / denoise steps, so a tiny one would fill that machine's memory
EMBEDDING = re.compile(r"(?:^|\s)embedding:")  # comfy/sd1_clip.py reads it at the beginning of a word
PARENTHESIS = re.compile(r"[()]")
BUILT_IN = Workflow.of("built in", OF_TEXT)
BUILT_IN_EDIT = Workflow.of("built in", OF_IMAGE, of_image=True)


class ComfyUIEngine(Engine):
    """Pictures by a ComfyUI server."""

    name = "comfyui"
    description = "A ComfyUI server of one's own, with a checkpoint or any workflow."
    needs = "a machine that runs it: `COMFYUI_URL`"
    typical_seconds = 20
    dollars = 0.0
    quality = 2
    capabilities = replace(BUILT_IN.capabilities, image=True, strength=True)

    def __init__(self, settings: ComfyUISettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.comfyui_concurrency)
        self._client = ComfyUIClient(settings)
        self._leaving: set[asyncio.Task[None]] = set()
        self._problem: EngineNotConfigured | None = None
        self._workflow, self._edit_workflow = BUILT_IN, None
        try:
            self._workflow, self._edit_workflow = _workflows(settings)
        except EngineNotConfigured as problem:
            self._problem = problem
        checkpoint = settings.comfyui_checkpoint
        self.models = (checkpoint,) if checkpoint and "model" in self._workflow.places else ()

    async def stop(self) -> None:
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=LEAVING_SECONDS)
        for task in self._leaving:
            task.cancel()

    def check(self) -> None:
        if not self._settings.comfyui_url:
            raise EngineNotConfigured("COMFYUI_URL not configured.")
        require_package("websockets", self.name)
        if self._problem:
            raise self._problem

    def capabilities_of(self, model: str) -> Capabilities:
        edits = self._edit_workflow.capabilities if self._edit_workflow else None
        return replace(
            self._workflow.capabilities, image=edits is not None, strength=edits is not None and edits.strength
        )

    def capabilities_for(self, recipe: Recipe) -> Capabilities:
        if recipe.image and self._edit_workflow:
            return self._edit_workflow.capabilities
        return self.capabilities_of(recipe.model)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        return await self._make(self._workflow, recipe, None, report)

    async def edit(self, recipe: Recipe, image: SourcePicture, report: Reporter) -> GeneratedImage:
        assert self._edit_workflow  # noqa: S101 - it is asked only if it honours an image
        return await self._make(self._edit_workflow, recipe, image, report)

    async def _make(
        self, workflow: Workflow, recipe: Recipe, image: SourcePicture | None, report: Reporter
    ) -> GeneratedImage:
        values = self._values(recipe, USUAL_STRENGTH if image else 1.0)
        values["model"] = model = await self._model(workflow)
        visit = Visit(self._client)
        try:
            if image:
                report("starting", "Handing the image to ComfyUI.")
                values["image"] = (await visit.upload(image.data)).as_input
            run = Run(self._client, visit, workflow, values, report, self._settings.comfyui_poll_seconds)
            data = await run.picture()
        finally:
            await self._leave(visit)
        seed = values["seed"] if "seed" in workflow.places else None
        guidance_scale = recipe.guidance_scale if "cfg" in workflow.places else None
        steps = values["steps"] if "steps" in workflow.places else None
        strength = values["denoise"] if image and "denoise" in workflow.places else None
        model = printable(model) or None
        return GeneratedImage(data, seed, guidance_scale, model=model, steps=steps, strength=strength)

    def _values(self, recipe: Recipe, strength: float) -> dict[str, Any]:
        """Return what stands in for the placeholders. Raises InvalidParameter if a text is code without an escape."""
        width, height = self.plan(recipe).made
        return {
            "prompt": _literal("prompt", recipe.prompt),
            "negative_prompt": _literal("negative_prompt", recipe.negative_prompt or ""),
            "width": width,
            "height": height,
            "seed": recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED),
            "steps": recipe.steps or self._settings.comfyui_steps,
            "cfg": recipe.guidance_scale,
            "sampler": self._settings.comfyui_sampler,
            "scheduler": self._settings.comfyui_scheduler,
            "denoise": max(LEAST_STRENGTH, round(recipe.strength or strength, 2)),
        }

    async def _model(self, workflow: Workflow) -> str | None:
        """Return the model's name there; None if the workflow names none."""
        if "model" not in workflow.places:
            return workflow.model
        configured = self._settings.comfyui_checkpoint
        return configured or require_checkpoint(await self._client.choices("CheckpointLoaderSimple", "ckpt_name"))

    async def _leave(self, visit: Visit) -> None:
        """Leave no trace of the visit there; what takes longer than a moment goes on beside the next pictures."""
        if not visit.has_traces:
            return
        task = asyncio.create_task(visit.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await run_shielded(_moment(task))


async def _moment(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task}, timeout=LEAVING_SECONDS)


def _workflows(settings: ComfyUISettings) -> tuple[Workflow, Workflow | None]:
    """Return the workflows of texts and of images. Raises EngineNotConfigured if a file of one is broken."""
    file, edit_file = settings.comfyui_workflow, settings.comfyui_edit_workflow
    workflow = Workflow.read(file) if file else BUILT_IN
    edits = Workflow.read(edit_file, of_image=True) if edit_file else None if file else BUILT_IN_EDIT
    for each in (workflow, edits):
        built_in = each in (None, BUILT_IN, BUILT_IN_EDIT)
        if each and not built_in and "model" in each.places and not settings.comfyui_checkpoint:
            raise EngineNotConfigured(f"COMFYUI_CHECKPOINT not configured: the workflow {each.name} has {{{{model}}}}.")
    return workflow, edits


def _literal(name: str, text: str) -> str:
    """Return a text that the server reads as it is: its parentheses are weights there, unless they are escaped.

    Raises InvalidParameter if it names a file on that machine, for which there is no escape.
    """
    if EMBEDDING.search(text):
        raise InvalidParameter(f"{name} must not hold embedding:, which names a file at ComfyUI.")
    escaped = PARENTHESIS.sub(r"\\\g<0>", text)
    return f"{escaped} " if escaped.endswith("\\") else escaped  # it would escape what follows in the workflow
