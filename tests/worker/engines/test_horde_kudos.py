"""AI Horde wants kudos for large pictures when it is busy: other models, and then smaller sizes, are asked for."""

import asyncio
import io

import pytest
import requests
from PIL import Image

from render_worker.contract import GenerateRequest, Recipe
from render_worker.engines.horde.models import MAX_MODELS, names_with_workers, without_kudos
from render_worker.engines.horde.smaller import next_smaller
from render_worker.errors import BadPicture, QuotaExhausted
from render_worker.imaging import to_picture
from tests.fakes.at_horde import Reported, asked, engine, make, play
from tests.fakes.leaving import left
from tests.fakes.processes import wait_until

ALBEDO, FLUX, CASCADE = "AlbedoBase XL (SDXL)", "Flux.1-Schnell fp8 (Compact)", "Stable Cascade 1.0"


def recipe_of(**fields):
    return GenerateRequest.parse({"prompt": "a tree", **fields}.items())


def submissions(site):
    """Return the models and the size of each request that was sent."""
    bodies = [entry["body"] for entry in asked(site, "horde")]
    return [(body["models"], (body["params"]["width"], body["params"]["height"])) for body in bodies]


def test_models_with_workers_are_named_when_it_wants_kudos(site):
    play(site, horde_limit=692)
    image = make(site)
    assert Image.open(io.BytesIO(image.data)).size == (768, 768)
    assert (image.made, image.note, image.ignored) == (None, None, ())
    assert submissions(site) == [
        ([], (768, 768)),
        ([ALBEDO, "stable_diffusion", "Deliberate"], (768, 768)),
    ]
    assert all("allow_downgrade" not in entry["body"] for entry in asked(site, "horde"))


def test_a_size_within_the_limit_is_asked_for_once_and_no_list_is_read(site):
    play(site, horde_limit=692)
    assert make(site, recipe=recipe_of(shape="portrait")).data
    assert submissions(site) == [([], (512, 768))]
    assert asked(site, "horde_models") == []


def test_large_pictures_are_left_to_large_models(site):
    play(site, horde_limit=692)
    make(site, recipe=recipe_of(width=1024, height=1024))
    assert submissions(site)[1] == ([ALBEDO], (1024, 1024))


@pytest.mark.parametrize(("seconds", "lists"), [(60, 1), (0, 3)])
def test_the_list_of_models_is_kept_for_all_requests(site, monkeypatch, seconds, lists):
    monkeypatch.setattr("render_worker.engines.horde.terms.MODELS_CACHE_SECONDS", seconds)
    play(site, horde_limit=692)

    async def three():
        one = engine(site)
        await asyncio.gather(*(one.generate(Recipe(prompt="a tree"), Reported()) for _ in range(3)))

    asyncio.run(three())
    assert len(asked(site, "horde_models")) == lists


@pytest.mark.parametrize("workers", [{}, {"stable_diffusion": 9}, {ALBEDO: 0, "stable_diffusion": 1}])
@pytest.mark.parametrize(
    ("limit", "shape", "size"),
    [
        (692, "square", (640, 640)),
        (700, "square", (640, 640)),
        (704, "square", (704, 704)),
        (576, "square", (576, 576)),
        (576, "portrait", (512, 640)),
        (604, "landscape", (704, 512)),
    ],
)
def test_without_a_large_model_it_is_the_next_size_down(site, workers, limit, shape, size):
    play(site, horde_limit=limit, horde_workers=workers)
    recipe = recipe_of(shape=shape)
    image = make(site, recipe=recipe)
    assert Image.open(io.BytesIO(image.data)).size == size
    assert image.made == size
    assert "kudos" in image.note
    assert submissions(site)[-1] == ([], size)
    assert len(submissions(site)) == 2  # its sentence names the limit
    assert asked(site, "horde_cancel") == []


@pytest.mark.parametrize("word", ["html_502", "garbage", "hang"])
def test_without_the_list_of_models_it_is_the_next_size_down(site, word, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.client.MODELS_SECONDS", 0.3)
    play(site, horde_limit=692, horde_models=word)
    assert make(site).made == (640, 640)


def test_models_do_not_lift_the_limit_above_1024(site):
    play(site, horde_limit=692)
    image = make(site, recipe=recipe_of(width=1920, height=1080))
    assert submissions(site) == [([], (1920, 1088)), ([ALBEDO], (1920, 1088)), ([ALBEDO], (1344, 768))]
    assert image.made == (1344, 768)


def test_flux_is_asked_for_with_its_own_steps_if_no_other_large_model_runs(site):
    play(site, horde_limit=692, horde_workers={FLUX: 3, "Deliberate": 9})
    image = make(site, recipe=recipe_of(guidance_scale=9))
    assert submissions(site)[1] == ([FLUX], (768, 768))
    params = asked(site, "horde")[1]["body"]["params"]
    assert (params["steps"], params["cfg_scale"]) == (8, 4)
    assert (image.guidance_scale, image.ignored) == (4, ("guidance_scale",))


@pytest.mark.parametrize(
    ("steps", "named", "sent"), [(25, [CASCADE], 25), (35, [CASCADE], 30), (8, [FLUX, CASCADE], 8)]
)
def test_no_model_is_asked_for_more_steps_than_it_allows(site, steps, named, sent):
    play(site, horde_limit=692, horde_workers={FLUX: 3, CASCADE: 1})
    make(site, horde_steps=steps)
    assert submissions(site)[1] == (named, (768, 768))
    assert asked(site, "horde")[1]["body"]["params"]["steps"] == sent


@pytest.mark.parametrize(("named", "sent"), [(None, 25), (1, 1), (40, 40), (60, 60)])
def test_named_steps_are_asked_for_first(site, named, sent):
    image = make(site, recipe=Recipe(prompt="a tree", steps=named))
    assert [it["body"]["params"]["steps"] for it in asked(site, "horde")] == [sent]
    assert (image.steps, image.ignored) == (sent, ())


@pytest.mark.parametrize(
    ("workers", "named", "models", "sent"),
    [
        ({CASCADE: 1}, 60, [CASCADE], 30),  # what the large model allows
        ({"Deliberate": 1}, 60, [], 40),  # no model lifts the limit, and each allows so many
        ({ALBEDO: 2}, 41, [ALBEDO], 40),
    ],
)
def test_more_steps_than_are_made_without_kudos_become_fewer(site, workers, named, models, sent):
    play(site, horde_limit=692 if models else 768, horde_workers=workers)
    image = make(site, recipe=Recipe(prompt="a tree", steps=named), horde_models=("Deliberate",) if not models else ())
    last = asked(site, "horde")[-1]["body"]["params"]
    assert (last["steps"], image.steps, image.made, image.ignored) == (sent, sent, None, ("steps",))


def test_configured_models_stay_the_only_ones(site):
    play(site, horde_limit=692)
    image = make(site, horde_models=("Deliberate", "Another"))
    assert submissions(site) == [(["Deliberate", "Another"], (768, 768)), (["Deliberate", "Another"], (640, 640))]
    assert image.made == (640, 640)


def test_of_configured_models_those_that_run_and_need_no_kudos_are_asked_for(site):
    play(site, horde_limit=692, horde_workers={FLUX: 3, ALBEDO: 2})
    assert make(site, horde_models=(FLUX, CASCADE, ALBEDO)).made is None
    assert submissions(site) == [([FLUX, CASCADE, ALBEDO], (768, 768)), ([ALBEDO], (768, 768))]


def test_configured_large_models_are_asked_for_once_in_each_size(site):
    play(site, horde_limit=692)
    make(site, recipe=recipe_of(width=1280, height=1280), horde_models=(ALBEDO,))
    assert submissions(site) == [([ALBEDO], (1280, 1280)), ([ALBEDO], (1024, 1024))]


def test_kudos_for_the_smallest_size_are_a_lack_of_quota(site, monkeypatch):
    play(site, horde="kudos_upfront")
    with pytest.raises(QuotaExhausted, match="queue is long") as caught:
        make(site)
    assert caught.value.retry_after == 600
    assert "HORDE_API_KEY" in caught.value.hint
    assert "account at" not in caught.value.hint
    sizes = [size for _, size in submissions(site)]
    assert sizes == [(768, 768), (768, 768), (704, 704), (640, 640), (576, 576), (512, 512)]


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 1024, "height": 1024},
        {"width": 1000, "aspect_ratio": "1:1"},
        {"width": 1024, "height": 1024, "size_optional": True, "model": "horde"},
    ],
)
def test_an_exact_size_comes_smaller_only_as_a_wish(site, fields):
    play(site, horde_limit=692, horde_workers={})
    recipe, one = recipe_of(**fields), engine(site)
    image = make(site, recipe=recipe)
    plan = one.plan(recipe).reduced_to(image.made)
    picture = to_picture(image.data, plan, {}, "jpeg", size_required=recipe.size_required)
    assert (picture.width, picture.height) == image.made == (640, 640)


def test_a_required_size_is_refused_and_not_made_smaller(site):
    play(site, horde_limit=692, horde_workers={})
    with pytest.raises(BadPicture, match="1024x1024") as caught:
        make(site, recipe=recipe_of(width=1024, height=1024, model="horde"))
    assert (caught.value.code, caught.value.caused_by_request) == ("picture_wrong_size", True)
    assert caught.value.hint.startswith("Ask for a smaller size")
    assert len(submissions(site)) == 1


def test_a_small_exact_size_comes_of_the_size_that_is_made(site):
    play(site, horde_limit=576, horde_workers={})
    recipe, one = recipe_of(width=256, height=256, model="horde"), engine(site)
    image = make(site, recipe=recipe)
    picture = to_picture(image.data, one.plan(recipe), {}, "jpeg", size_required=True)
    assert (image.made, picture.width, picture.height) == (None, 256, 256)


def test_a_ratio_stays_the_ratio(site):
    play(site, horde_limit=692, horde_workers={})
    recipe, one = recipe_of(aspect_ratio="16:9"), engine(site)
    image = make(site, recipe=recipe)
    picture = to_picture(image.data, one.plan(recipe).reduced_to(image.made), {}, "jpeg")
    assert (image.made, (picture.width, picture.height)) == ((896, 512), (896, 504))


@pytest.mark.parametrize("times", [1, 2])
def test_the_second_submission_is_cancelled_there_too(site, times):
    play(site, horde="slow_submission", horde_limit=692, delay=60)
    work = engine(site).generate(Recipe(prompt="a tree"), Reported())
    assert left(work, lambda: len(asked(site, "horde")) == 2, times)
    wait_until(lambda: asked(site, "horde_cancel"), "the request's end")
    assert len(asked(site, "horde_cancel")) == 1


def test_nothing_is_submitted_after_a_cancellation_between_the_submissions(site):
    play(site, horde_limit=692, horde_models="hang")
    assert left(engine(site).generate(Recipe(prompt="a tree"), Reported()), lambda: asked(site, "horde_models"), 1)
    assert len(asked(site, "horde")) == 1
    wait_until(lambda: asked(site, "horde_models")[0]["outcome"] == "aborted", "the list's end")


def test_an_empty_list_with_a_downgrade_is_a_failure_there(site):
    body = {"prompt": "a tree", "params": {}, "models": [], "allow_downgrade": True}
    reply = requests.post(f"{site.url}/api/v2/generate/async", json=body, headers={"apikey": "0000000000"}, timeout=5)
    assert reply.status_code == 500


@pytest.mark.parametrize(
    ("size", "max_pixels", "smaller"),
    [
        ((1024, 1024), None, (960, 960)),
        ((2048, 2048), None, (1024, 1024)),
        ((1024, 1024), 10**9, (960, 960)),
        ((1024, 1024), 1, None),
        ((512, 512), None, None),
        ((512, 2048), 692**2, (512, 896)),
        ((3072, 768), 576**2, (640, 512)),
        ((512, 768), 576**2, (512, 640)),
    ],
)
def test_each_size_has_its_next_one_down(size, max_pixels, smaller):
    assert next_smaller(size, size, max_pixels) == smaller


@pytest.mark.parametrize(
    "row",
    [
        None,
        "AlbedoBase XL (SDXL)",
        {"name": ALBEDO},
        {"name": ALBEDO, "count": "7"},
        {"name": ALBEDO, "count": -1},
        {"name": ALBEDO, "count": float("nan")},
        {"name": ALBEDO, "count": 7, "type": "text"},
        {"name": "", "count": 7},
        {"name": "XL\n", "count": 7},
        {"name": "X" * 101, "count": 7},
        {"name": "SDXL_beta::stability.ai#6901", "count": 7},
        {"name": ["XL"], "count": 7},
    ],
)
def test_a_row_that_is_no_running_model_is_left_out(row):
    assert names_with_workers([row, {"name": "Deliberate", "count": 1}]) == ("Deliberate",)


def test_the_models_of_most_machines_come_first_and_not_all_of_them():
    rows = [{"name": f"Model {number} XL", "count": number} for number in range(1, 30)]
    found = without_kudos(names_with_workers(rows), 25, 768 * 768)
    assert found.names[0] == "Model 29 XL"
    assert len(found.names) == MAX_MODELS


@pytest.mark.parametrize("name", ["SDXL 1.0", "Juggernaut XL", "ZavyChromaXL", "Fustercluck", CASCADE, "[SDXL] mine"])
def test_names_of_large_models_are_known(name):
    assert without_kudos(["Deliberate", name], 25, 768 * 768).names == (name, "Deliberate")


@pytest.mark.parametrize("name", ["Deliberate", "Anything XLarge", "Z-Image Turbo", "Qwen-Image"])
def test_names_of_other_models_lift_no_limit(name):
    assert without_kudos([name], 25, 768 * 768) is None


def test_models_of_one_style_are_named_only_if_no_other_large_one_runs():
    assert without_kudos(["Pony Diffusion XL", "SDXL 1.0"], 25, 1024**2).names == ("SDXL 1.0",)
    assert without_kudos(["Pony Diffusion XL"], 25, 1024**2).names == ("Pony Diffusion XL",)
