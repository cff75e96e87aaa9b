"""Helpers of the tests of the engine `cloudflare`: the engine at a sandbox, and the requests it sent."""

import asyncio

import pytest
import requests

from render_worker.contract import Recipe
from render_worker.engines.cloudflare.engine import CloudflareEngine
from render_worker.errors import EngineError
from render_worker.settings import Settings
from sandbox.cloudflare import ACCOUNT, TOKEN

PROMPT = "a lighthouse at night"
SCHNELL, KLEIN = "cf/black-forest-labs/flux-1-schnell", "cf/black-forest-labs/flux-2-klein-4b"
SDXL, LIGHTNING = "cf/stabilityai/stable-diffusion-xl-base-1.0", "cf/bytedance/stable-diffusion-xl-lightning"


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, phase, message=None, **_):
        self.messages.append(message or "")


def play(site, behaviour: str = "ok", **scenario) -> None:
    words = {"cloudflare": behaviour, "painted": "beforehand", **scenario}
    requests.post(f"{site.url}/sandbox", json=words, timeout=5).raise_for_status()


def asked(site) -> list[dict]:
    return requests.get(f"{site.url}/sandbox/log", timeout=5).json()


def engine(url: str, *models: str, **changes) -> CloudflareEngine:
    settings = {
        "cloudflare_url": f"{url}/cloudflare",
        "cloudflare_account_id": ACCOUNT,
        "cloudflare_api_token": TOKEN,
        "cloudflare_model": models or (SCHNELL,),
        "cloudflare_seconds": 30,
    }
    return CloudflareEngine(Settings(**{**settings, **changes}))


def made(maker: CloudflareEngine, reported: Reported | None = None, **recipe):
    return asyncio.run(maker.generate(Recipe(**{"prompt": PROMPT, **recipe}), reported or Reported()))


def failure(maker: CloudflareEngine, **recipe) -> EngineError:
    with pytest.raises(EngineError) as caught:
        made(maker, **recipe)
    for text in (str(caught.value), repr(caught.value), str(caught.value.body())):
        assert TOKEN not in text
        assert ACCOUNT not in text
        assert PROMPT not in text
    return caught.value
