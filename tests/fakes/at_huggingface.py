"""Helpers of the tests of the engine `huggingface`: the engine at a sandbox, its reports, and the requests it sent."""

import asyncio
from itertools import count

import pytest
import requests

from render_worker.contract import Recipe
from render_worker.engines.huggingface.engine import HuggingFaceEngine
from render_worker.errors import EngineError
from render_worker.settings import Settings

TOKEN = "hf_secret-of-the-tests"
PROMPT = "a lighthouse at night"
numbers = count()


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.messages: list[str] = []
        self.setbacks: list[str] = []

    def __call__(self, phase, message=None, **_):
        self.phases.append(phase)
        self.messages.append(message or "")

    def setback(self, sentence):
        self.setbacks.append(sentence)


def play(site, behaviour: str = "ok", **scenario) -> None:
    words = {"huggingface": behaviour, "painted": "beforehand", **scenario}
    requests.post(f"{site.url}/sandbox", json=words, timeout=5).raise_for_status()


def asked_of_all(site) -> list[dict]:
    return requests.get(f"{site.url}/sandbox/log", timeout=5).json()


def asked(site, endpoint: str = "huggingface") -> list[dict]:
    return [entry for entry in asked_of_all(site) if entry["endpoint"] == endpoint]


def engine(site, **changes) -> HuggingFaceEngine:
    return HuggingFaceEngine(
        Settings(
            **{
                "huggingface_api_key": TOKEN,
                "huggingface_router_url": f"{site.url}/huggingface/router",
                "huggingface_hub_url": f"{site.url}/huggingface/hub",
                "huggingface_image_origins": site.upload_origin,
                "huggingface_space_url": f"{site.url}/huggingface/space",
                "huggingface_seconds": 5,
                **changes,
            }
        )
    )


def made(maker: HuggingFaceEngine, reported: Reported | None = None, **recipe):
    async def make():
        try:
            return await maker.generate(Recipe(**{"prompt": PROMPT, **recipe}), reported or Reported())
        finally:
            await maker.stop()

    return asyncio.run(make())


def failure(maker: HuggingFaceEngine, reported: Reported | None = None, **recipe) -> EngineError:
    with pytest.raises(EngineError) as caught:
        made(maker, reported, **recipe)
    for text in (str(caught.value), repr(caught.value), str(caught.value.body())):
        assert TOKEN not in text
        assert PROMPT not in text
    return caught.value


def new_model() -> str:
    """Return a model that the client, which caches the Hub's replies, has not asked about."""
    return f"somebody/FLUX.1-schnell-{next(numbers)}"
