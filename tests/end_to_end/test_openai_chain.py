"""The engine `openai` at this product's own API, behind which the same engine asks a stand-in."""

import asyncio

import pytest
import requests

from render_worker.contract import Recipe
from render_worker.engines.openai.engine import OpenAIEngine
from render_worker.errors import ContentRefused, QuotaExhausted
from render_worker.imaging import SourcePicture
from render_worker.settings import Settings
from tests.fakes.at_openai import Reported, asked, play, size_of
from tests.fakes.played import drawn
from tests.fakes.processes import api, sandbox, worker

TOKEN = "a-token"
IMAGE = SourcePicture(drawn((64, 64)), 64, 64)
PROMPT = "a red boat on a lake"


@pytest.fixture(scope="module")
def site():
    with sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def far(site, tmp_path_factory):
    """Run both tiers with an engine that streams, and one that takes seeds."""
    settings = {
        "ENGINES": "openai,openai:home",
        "OPENAI_ENDPOINTS": f"home={site.url}/openai/sd.cpp/v1||sk-of-home|sd.cpp",
        "LOCAL_STORAGE_DIR": tmp_path_factory.mktemp("images"),
        "WORKER_TOKEN": TOKEN,
        **site.pointers("openai"),
        **site.keys("openai"),
    }
    with worker(**settings) as renderer, api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as front:
        yield front


@pytest.fixture
def near(far, site):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(site, delay=1)

    def engine(model="auto"):
        base = {"openai_base_url": f"{far.url}/v1", "openai_kind": "image-generation-api"}
        return OpenAIEngine(Settings(**base, openai_image_model=model))

    return engine


def test_an_image_is_edited_at_the_far_end(near, site):
    image = asyncio.run(near().edit(Recipe(prompt=PROMPT).with_image(IMAGE.data), IMAGE, Reported()))
    assert size_of(image) == (1024, 1024)
    [body] = asked(site)
    assert (body["kind"], body["operation"]) == ("openai", "edits")
    assert body["image_bytes"] > 0


def test_strength_reaches_an_engine_that_honours_it(near, site):
    recipe = Recipe.parse([("prompt", PROMPT), ("image", "0" * 64), ("strength", 0.4)]).with_image(IMAGE.data)
    assert asyncio.run(near().edit(recipe, IMAGE, Reported())).data
    [body] = asked(site)
    assert (body["kind"], '"strength": 0.4' in body["prompt"]) == ("sd.cpp", True)


def test_partial_images_are_previews_at_both_ends(near, site):
    reported = Reported(wants_previews=True)
    image = asyncio.run(near("openai").generate(Recipe(prompt=PROMPT), reported))
    assert size_of(image) == (1024, 1024)
    assert len(reported.previews) >= 1
    assert asked(site)[0]["stream"] is True


@pytest.mark.parametrize("previews", [False, True])
def test_a_refusal_of_content_is_one_at_both_ends(near, site, previews):
    play(site, openai="moderation")
    with pytest.raises(ContentRefused, match="safety system"):
        asyncio.run(near().generate(Recipe(prompt=PROMPT), Reported(wants_previews=previews)))
    assert len(asked(site)) == 1


def test_an_account_without_money_is_one_at_both_ends(near, site):
    play(site, openai="no_quota")
    with pytest.raises(QuotaExhausted):
        asyncio.run(near("openai").generate(Recipe(prompt=PROMPT), Reported()))
