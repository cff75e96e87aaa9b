"""Helpers of the tests of the engine `horde`: the engine at a sandbox, its reports, and the requests that it sent."""

import asyncio

import requests

from render_worker.contract import Recipe
from render_worker.engines.horde.engine import HordeEngine
from render_worker.settings import Settings


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self, time_left=60.0):
        self.time_left = time_left
        self.news = []
        self.setbacks = []

    def __call__(self, phase, message=None, **numbers):
        self.news.append((phase, numbers))

    def setback(self, sentence):
        self.setbacks.append(sentence)


def play(site, **scenario):
    requests.post(f"{site.url}/sandbox", json={"painted": "beforehand", **scenario}, timeout=5).raise_for_status()


def asked(site, endpoint):
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def engine(site, **changes):
    settings = {
        "horde_url": f"{site.url}/api/v2",
        "horde_image_origins": (site.upload_origin,),
        "horde_poll_seconds": 0.1,
        "horde_models": (),
    }
    return HordeEngine(Settings(**{**settings, **changes}))


def make(site, reported=None, seconds=20, recipe=None, **changes):
    recipe = recipe or Recipe(prompt="a tree")

    async def within():
        async with asyncio.timeout(seconds):
            return await engine(site, **changes).generate(recipe, reported or Reported())

    return asyncio.run(within())
