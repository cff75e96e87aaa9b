"""The engine to copy works as it stands, so that its copies do."""

import asyncio
import base64
import json

import pytest

from render_worker.contract import Recipe
from render_worker.engines import ENGINES
from render_worker.engines._skeleton.engine import SkeletonEngine
from render_worker.engines._skeleton.settings import SkeletonSettings
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from tests.fakes.processes import free_port
from tests.fakes.scripted_server import ScriptedServer


class Reported:
    """A Reporter that drops everything."""

    def __call__(self, phase, message=None, **numbers):
        pass

    def setback(self, sentence):
        pass


@pytest.fixture
def service():
    with ScriptedServer() as server:
        yield server


def make(url, recipe=None, **settings):
    engine = SkeletonEngine(SkeletonSettings(skeleton_url=url, skeleton_api_key="a-key", **settings))
    engine.check()
    return asyncio.run(engine.generate(Recipe(prompt="a tree", seed=7, **(recipe or {})), Reported()))


def test_it_works(service):
    service.say(200, json.dumps({"image": base64.b64encode(b"a picture").decode()}).encode())
    image = make(service.url)
    assert (image.data, image.seed, image.guidance_scale) == (b"a picture", 7, None)
    assert service.asked == [("POST", "/images")]
    assert service.heads[0]["authorization"] == "Bearer a-key"


def test_it_asks_for_the_size_that_comes_of_the_recipe(service):
    service.say(200, json.dumps({"image": base64.b64encode(b"a picture").decode()}).encode())
    make(service.url)
    make(service.url, recipe={"shape": "portrait"})
    make(service.url, recipe={"width": 512, "height": 512})  # a larger one is scaled down
    assert [json.loads(body)["size"] for body in service.bodies] == ["1024x1024", "832x1216", "1024x1024"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", UnexpectedReply),
        (200, b"{}", BadPicture),
        (200, b'{"image": "*"}', BadPicture),
        (200, '{"image": "é"}'.encode(), BadPicture),
        (400, b'{"code": "content_policy"}', ContentRefused),
        (400, b'{"message": "no such size"}', RequestInvalid),
        (401, b"", EngineUnauthorized),
        (429, b"", EngineRateLimited),
        (418, b"", UnexpectedReply),
        (503, b"", EngineBusy),
    ],
)
def test_each_refusal_has_its_own_error(service, status, body, error):
    service.say(status, body)
    with pytest.raises(error):
        make(service.url)


def test_a_rate_limit_is_as_long_as_the_service_says(service):
    service.say(429, b"", Retry_After="77")
    with pytest.raises(EngineRateLimited) as caught:
        make(service.url)
    assert caught.value.retry_after == 77


def test_a_service_that_hangs_or_is_down_has_its_own_error(service):
    service.say(200, hang=True)
    with pytest.raises(PhaseTimeout):
        make(service.url, skeleton_seconds=1)
    with pytest.raises(EngineUnreachable):
        make(f"http://127.0.0.1:{free_port()}")


def test_without_a_key_it_is_not_configured():
    with pytest.raises(EngineNotConfigured, match="SKELETON_API_KEY not configured"):
        SkeletonEngine(SkeletonSettings()).check()


def test_it_is_no_engine_of_the_registry():
    assert "skeleton" not in ENGINES
