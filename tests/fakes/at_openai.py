"""Helpers of the tests of the engine `openai`: the engine at a sandbox, its reports, and the requests that it sent."""

import asyncio
import io

import requests
from PIL import Image

from render_worker.contract import GenerateRequest
from render_worker.engines.openai.engine import OpenAIEngine
from render_worker.settings import Settings
from tests.fakes.at_horde import Reported as Reports
from tests.fakes.at_horde import play as play

KEY = "sk-of-the-tests"
PROMPT = "a tree"


class Reported(Reports):
    """A Reporter that keeps what an engine reports, previews too."""

    def __init__(self, wants_previews=False):
        super().__init__()
        self.wants_previews = wants_previews
        self.previews = []

    async def preview(self, data):
        self.previews.append(data)


def asked(site, endpoint="openai"):
    """Return the bodies of the requests that an endpoint of the sandbox got."""
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry["body"] for entry in log if entry["endpoint"] == endpoint]


def outcomes(site):
    """Return the outcomes of the requests for pictures."""
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry["outcome"] for entry in log if entry["endpoint"] == "openai"]


def engine(site, of="openai", **changes):
    """Return the engine at a kind of server of the sandbox's."""
    settings = {
        "openai_base_url": f"{site.url}/openai/{of}/v1",
        "openai_kind": of,
        "openai_api_key": KEY,
        "openai_image_origins": (getattr(site, "upload_origin", "http://pictures.example"),),
        "openai_poll_seconds": 0.05,
        "openai_seconds": 20,
    }
    return OpenAIEngine(Settings(**{**settings, **changes}))


def make(site, of="openai", reported=None, seconds=20, **changes):
    """Return the picture of a recipe; its fields are those of `changes` that it has, the others are settings."""
    fields = {name: changes.pop(name) for name in list(changes) if name in GenerateRequest.model_fields}
    recipe = GenerateRequest(**{"prompt": PROMPT, **fields})

    async def within():
        async with asyncio.timeout(seconds):
            return await engine(site, of, **changes).generate(recipe, reported or Reported())

    return asyncio.run(within())


def size_of(image):
    """Return the size of a picture that was made."""
    return Image.open(io.BytesIO(image.data)).size
