"""Helpers of the tests of the engine `automatic1111`: the engine at a sandbox, its reports, and what it sent."""

import asyncio
import io

import requests
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.automatic1111.engine import Automatic1111Engine
from render_worker.imaging import SourcePicture
from render_worker.settings import Settings


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self, *, wants_previews=False):
        self.news = []
        self.previews = []
        self.wants_previews = wants_previews

    def __call__(self, phase, message=None, **numbers):
        self.news.append((phase, message, numbers))

    async def preview(self, data):
        self.previews.append(data)

    def setback(self, sentence):
        raise AssertionError(sentence)

    def numbers(self, phase="generating"):
        return [numbers for at, _, numbers in self.news if at == phase and numbers]


def play(site, **scenario):
    quick = {"painted": "beforehand", "automatic1111_format": "jpeg"}
    requests.post(f"{site.url}/sandbox", json={**quick, **scenario}, timeout=5).raise_for_status()


def asked(site, endpoint="automatic1111"):
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def engine(site, **changes):
    settings = {"automatic1111_url": f"{site.url}/automatic1111", "automatic1111_poll_seconds": 0.1}
    found = Automatic1111Engine(Settings(**{**settings, **changes}))
    found.check()
    return found


def make(site, reported=None, recipe=None, image=None, seconds=20, **changes):
    recipe, reported = recipe or Recipe(prompt="a tree"), reported or Reported()

    async def within():
        async with asyncio.timeout(seconds):
            one = engine(site, **changes)
            return await (one.edit(recipe, image, reported) if image else one.generate(recipe, reported))

    return asyncio.run(within())


def source(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return SourcePicture(out.getvalue(), width, height)
