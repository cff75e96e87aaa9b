"""Helpers of the tests of the engine `comfyui`: the engine at a sandbox, its reports, and the requests that it sent."""

import asyncio
import io
import json

import requests
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.comfyui.engine import ComfyUIEngine
from render_worker.imaging import SourcePicture
from render_worker.settings import Settings

PROMPT = Recipe(prompt="a tree", seed=7)


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self, wants_previews=False):
        self.news = []
        self.setbacks = []
        self.previews = []
        self.wants_previews = wants_previews

    def __call__(self, phase, message=None, **numbers):
        self.news.append((phase, numbers))

    async def preview(self, data):
        self.previews.append(data)

    def setback(self, sentence):
        self.setbacks.append(sentence)


def play(site, **scenario):
    requests.post(f"{site.url}/sandbox", json={"painted": "beforehand", **scenario}, timeout=5).raise_for_status()


def asked(site, endpoint):
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def left_at(site):
    """Return what is left at the server: the ids in its history and queue, and the sizes of files."""
    queue = requests.get(f"{site.url}/comfyui/queue", timeout=5).json()
    return {
        "history": requests.get(f"{site.url}/comfyui/sandbox/history", timeout=5).json(),
        "queue": [item[1] for item in queue["queue_running"] + queue["queue_pending"]],
        "files": requests.get(f"{site.url}/comfyui/sandbox/files", timeout=5).json(),
    }


def engine(site, **changes):
    settings = {"comfyui_url": f"{site.url}/comfyui", "comfyui_poll_seconds": 0.1, "comfyui_seconds": 5}
    return ComfyUIEngine(Settings(**{**settings, **changes}))


def make(site, reported=None, recipe=PROMPT, image=None, seconds=20, **changes):
    async def within():
        one = engine(site, **changes)
        one.check()
        reporter = reported or Reported()
        async with asyncio.timeout(seconds):
            work = one.edit(recipe, image, reporter) if image else one.generate(recipe, reporter)
            try:
                return await work
            finally:
                await one.stop()

    return asyncio.run(within())


def size_of(image):
    return Image.open(io.BytesIO(image.data)).size


def source(colour="red", size=(640, 480)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return SourcePicture(out.getvalue(), *size)


def written(folder, graph, name="workflow.json"):
    """Return a file of a workflow."""
    file = folder / name
    file.write_text(graph if isinstance(graph, str) else json.dumps(graph))
    return file
