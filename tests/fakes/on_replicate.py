"""Helpers of the tests of the engine `replicate`: the engine at the stand-in, and the requests that it sent."""

import asyncio
import io
import traceback
from dataclasses import dataclass, field

import pytest
import requests
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.replicate.engine import ReplicateEngine
from render_worker.errors import EngineError
from render_worker.settings import Settings
from tests.fakes.processes import Server

TOKEN = "r8_a-token-that-nobody-may-see"
PROMPT = "a fox in the snow, as nobody may quote it whole"
SCHNELL, DEV = "black-forest-labs/flux-schnell", "black-forest-labs/flux-dev"
SDXL = "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
LIMITED, UPSCALER = "sandbox/limited", "sandbox/upscaler"
CUSTOM, STEPS, NAMED = "sandbox/custom", "sandbox/steps", "sandbox/named"
MODELS = (SCHNELL, DEV, SDXL, LIMITED, CUSTOM, STEPS, NAMED, UPSCALER, "sandbox/none")


@dataclass
class Reported:
    """A Reporter that keeps what an engine reports."""

    lines: list[tuple] = field(default_factory=list)
    setbacks: list[str] = field(default_factory=list)

    def __call__(self, phase, message=None, *, percent=None, step=None, total=None):
        self.lines.append((phase, percent, step, total))

    def setback(self, sentence):
        self.setbacks.append(sentence)


def fresh(site: Server) -> Server:
    """Return the stand-in with an empty log and no faults; it spends no time on painting."""
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(site, "ok")
    return site


def play(site: Server, behaviour: str, **scenario: object) -> None:
    """Make the stand-in play something from now on."""
    play = {"replicate": behaviour, "painted": "beforehand", **scenario}
    requests.post(f"{site.url}/sandbox", json=play, timeout=5).raise_for_status()


def log(site: Server, endpoint: str = "replicate") -> list[dict]:
    """Return the requests that an endpoint of the stand-in got."""
    entries = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in entries if entry["endpoint"] == endpoint]


def engine(site: Server, **settings: object) -> ReplicateEngine:
    """Return the engine, with short limits and a test's settings."""
    usual = {
        "replicate_api_token": TOKEN,
        "replicate_url": f"{site.url}/replicate",
        "replicate_image_origins": (site.upload_origin,),
        "replicate_models": MODELS,
        "replicate_request_seconds": 5,
    }
    return ReplicateEngine(Settings(**{**usual, **settings}))


def made(
    site: Server, reported: Reported | None = None, seconds: float = 20, settings: dict | None = None, **recipe: object
) -> GeneratedImage:
    """Return a picture. Raises the engine's error, or TimeoutError after `seconds`."""
    wanted = Recipe(**{"prompt": PROMPT, **recipe})
    work = engine(site, **(settings or {})).generate(wanted, reported or Reported())
    return asyncio.run(asyncio.wait_for(work, seconds))


def refused(site: Server, **how: object) -> EngineError:
    """Return the engine's error, which must show no secret."""
    with pytest.raises(EngineError) as caught:
        made(site, **how)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in shown
    assert PROMPT not in str(caught.value)
    return caught.value


def size(image: GeneratedImage) -> tuple[int, int]:
    """Return the width and height of an image."""
    return Image.open(io.BytesIO(image.data)).size
