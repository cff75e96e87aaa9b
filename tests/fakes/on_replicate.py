"""What the tests of the engine replicate share: the engine on the stand-in, and what it was asked."""

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
MODELS = (SCHNELL, DEV, SDXL, LIMITED, UPSCALER, "sandbox/none")


@dataclass
class Told:
    """What a caller was told."""

    lines: list[tuple] = field(default_factory=list)
    setbacks: list[str] = field(default_factory=list)

    def __call__(self, phase, message=None, *, percent=None, step=None, total=None):
        self.lines.append((phase, percent, step, total))

    def setback(self, sentence):
        self.setbacks.append(sentence)


def fresh(site: Server) -> Server:
    """The stand-in with an empty log, where all is well and no time is spent on painting."""
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(site, "ok")
    return site


def play(site: Server, behaviour: str, **scenario: object) -> None:
    """Have the stand-in play something from now on."""
    play = {"replicate": behaviour, "painted": "beforehand", **scenario}
    requests.post(f"{site.url}/sandbox", json=play, timeout=5).raise_for_status()


def log(site: Server, endpoint: str = "replicate") -> list[dict]:
    """What the stand-in was asked at an endpoint."""
    entries = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in entries if entry["endpoint"] == endpoint]


def engine(site: Server, **settings: object) -> ReplicateEngine:
    """The engine, with short limits and settings of the test's choice."""
    usual = {
        "replicate_api_token": TOKEN,
        "replicate_url": f"{site.url}/replicate",
        "replicate_image_origins": (site.upload_origin,),
        "replicate_models": MODELS,
        "replicate_request_seconds": 5,
    }
    return ReplicateEngine(Settings(_env_file=None, **{**usual, **settings}))


def made(
    site: Server, told: Told | None = None, seconds: float = 20, settings: dict | None = None, **recipe: object
) -> GeneratedImage:
    """A picture, or the failure, within a time."""
    wanted = Recipe(**{"prompt": PROMPT, **recipe})
    work = engine(site, **(settings or {})).generate(wanted, told or Told())
    return asyncio.run(asyncio.wait_for(work, seconds))


def refused(site: Server, **how: object) -> EngineError:
    """The failure, which must give no secret away."""
    with pytest.raises(EngineError) as caught:
        made(site, **how)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in shown
    assert PROMPT not in str(caught.value)
    return caught.value


def size(image: GeneratedImage) -> tuple[int, int]:
    """Its width and height."""
    return Image.open(io.BytesIO(image.data)).size
