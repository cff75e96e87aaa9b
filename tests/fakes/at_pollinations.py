"""Helpers of the tests of the engine `pollinations`: the engine at a sandbox, and the requests that it sent."""

import asyncio

from render_worker.contract import Recipe
from render_worker.engines.pollinations.engine import PollinationsEngine
from render_worker.settings import Settings
from tests.fakes.at_horde import Reported, asked


def engine(site, **changes):
    return PollinationsEngine(Settings(**{"pollinations_url": f"{site.url}/pollinations", **changes}))


def make(one, reported=None, seconds=20, **recipe):
    async def within():
        async with asyncio.timeout(seconds):
            return await one.generate(Recipe(**{"prompt": "a tree", **recipe}), reported or Reported())

    return asyncio.run(within())


def sent(site):
    return [entry["body"] for entry in asked(site, "pollinations")]
