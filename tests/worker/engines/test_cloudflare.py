"""The engine `cloudflare` against a stand-in of Workers AI: its requests, its pictures, its refusals, its count."""

import asyncio
import io
import logging

import pytest
import requests
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.cloudflare.allowance import Allowance
from render_worker.engines.cloudflare.engine import CloudflareEngine
from render_worker.errors import EngineError, EngineNotConfigured
from render_worker.settings import Settings
from sandbox.cloudflare import ACCOUNT, TOKEN
from tests.fakes.processes import free_port, sandbox, wait_until

PROMPT = "a lighthouse at night"
SCHNELL, KLEIN = "cf/black-forest-labs/flux-1-schnell", "cf/black-forest-labs/flux-2-klein-4b"
SDXL, LIGHTNING = "cf/stabilityai/stable-diffusion-xl-base-1.0", "cf/bytedance/stable-diffusion-xl-lightning"
MIDNIGHT = 20_000 * 86_400  # 00:00 UTC of some day
NOON = MIDNIGHT + 43_200


class Reported:
    """A Reporter that keeps what an engine reports."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, phase, message=None, **_):
        self.messages.append(message or "")


@pytest.fixture(scope="module")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(running_site)
    return running_site


def play(site, behaviour: str = "ok", **scenario) -> None:
    words = {"cloudflare": behaviour, "painted": "beforehand", **scenario}
    requests.post(f"{site.url}/sandbox", json=words, timeout=5).raise_for_status()


def asked(site) -> list[dict]:
    return requests.get(f"{site.url}/sandbox/log", timeout=5).json()


def engine(url: str, *models: str, **changes) -> CloudflareEngine:
    settings = {
        "_env_file": None,
        "cloudflare_url": f"{url}/cloudflare",
        "cloudflare_account_id": ACCOUNT,
        "cloudflare_api_token": TOKEN,
        "cloudflare_model": models or (SCHNELL,),
        "cloudflare_seconds": 5,
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


def test_it_works(site):
    maker = engine(site.url)
    image = made(maker, shape="portrait")
    assert Image.open(io.BytesIO(image.data)).size == (1024, 1024)
    assert (image.seed, image.guidance_scale, image.model) == (None, None, SCHNELL)
    assert (maker.models, maker.price(Recipe(prompt=PROMPT)), maker.quality_of("auto")) == ((SCHNELL,), 0.0, 3)
    body = asked(site)[0]["body"]
    model = SCHNELL.removeprefix("cf/")
    assert body == {"account": ACCOUNT, "model": model, "form": False, "prompt": PROMPT, "steps": 4}


def test_schnell_honours_nothing_and_makes_one_size(site):
    maker = engine(site.url)
    recipe = Recipe(prompt=PROMPT, seed=1, negative_prompt="fog", guidance_scale=3, width=1280, height=720)
    assert maker.cannot_honour(recipe) == ["width", "height", "guidance_scale", "negative_prompt", "seed"]


def test_a_prompt_of_every_length_that_the_contract_takes_is_taken(site):
    assert made(engine(site.url), prompt="é" * 2000).data


@pytest.mark.parametrize("model", [KLEIN, KLEIN.replace("4b", "9b"), "cf/black-forest-labs/flux-2-dev"])
def test_flux_2_takes_a_form_with_its_size(site, model):
    image = made(engine(site.url, f"@{model}"), width=512, height=768)
    body = asked(site)[0]["body"]
    assert (body["form"], body["prompt"], body["width"], body["height"]) == (True, PROMPT, "512", "768")
    assert Image.open(io.BytesIO(image.data)).size == (512, 768)
    assert (image.seed, image.model) == (None, model)


def test_sdxl_takes_all_parameters_and_replies_with_the_file_itself(site):
    image = made(engine(site.url, SDXL), seed=7, negative_prompt="fog", guidance_scale=4, shape="landscape")
    assert (image.data[:4], image.seed, image.guidance_scale) == (b"\x89PNG", 7, 4)
    body = asked(site)[0]["body"]
    assert {name: body[name] for name in ("width", "height", "seed", "negative_prompt", "guidance")} == {
        "width": 1216,
        "height": 832,
        "seed": 7,
        "negative_prompt": "fog",
        "guidance": 4,
    }


def test_a_random_seed_is_the_engine_s_own_and_told(site):
    maker = engine(site.url, SDXL)
    seeds = {made(maker).seed for _ in range(2)}
    assert seeds == {entry["body"]["seed"] for entry in asked(site)}
    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("behaviour", "model"), [("ok", LIGHTNING), ("raw_as_json", SCHNELL), ("json_as_picture", SDXL)]
)
def test_a_picture_is_told_by_its_bytes(site, behaviour, model):
    play(site, behaviour)
    assert Image.open(io.BytesIO(made(engine(site.url, model)).data)).size == (1024, 1024)


def test_clients_can_name_each_model(site):
    maker = engine(site.url, f"@{SCHNELL}", KLEIN)
    assert maker.models == (SCHNELL, KLEIN)
    assert [made(maker, model=name).model for name in (*maker.models, "auto", "cloudflare")] == [
        SCHNELL,
        KLEIN,
        SCHNELL,
        SCHNELL,
    ]


def test_a_model_that_is_not_known_gets_the_prompt_alone(site):
    error = failure(engine(site.url, "@cf/acme/pictures-2"), shape="portrait")
    assert error.code == "engine_not_configured"
    assert asked(site)[0]["body"].keys() == {"account", "model", "form", "prompt"}


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("neurons_3036", "engine_quota_exhausted", "00:00 UTC"),
        ("neurons_4006", "engine_quota_exhausted", "00:00 UTC"),
        ("success_used_up", "engine_quota_exhausted", "00:00 UTC"),
        ("no_capacity", "engine_busy", "no capacity"),
        ("success_with_errors", "engine_busy", "no capacity"),
        ("nsfw", "content_refused", "by chance"),
        ("flagged", "content_refused", "by chance"),
        ("input_not_valid", "engine_request_refused", "parameters"),
        ("bad_data", "engine_request_refused", "parameters"),
        ("incomplete", "engine_request_refused", "parameters"),
        ("too_large", "engine_request_refused", "parameters"),
        ("no_such_model", "engine_not_configured", "CLOUDFLARE_MODEL"),
        ("unknown_id", "engine_not_configured", "CLOUDFLARE_MODEL"),
        ("paid_plan", "engine_not_configured", "paid plan"),
        ("no_account", "engine_not_configured", "CLOUDFLARE_ACCOUNT_ID"),
        ("timeout", "timeout", "took too long"),
        ("aborted", "timeout", "took too long"),
        ("account_blocked", "engine_unauthorized", "3023"),
        ("account_not_allowed", "engine_unauthorized", "3041"),
        ("no_agreement", "engine_unauthorized", "5016"),
        ("private_model", "engine_unauthorized", "5018"),
        ("wrong_token", "engine_unauthorized", "CLOUDFLARE_API_TOKEN"),
        ("no_method", "engine_unexpected_reply", "HTTP 405"),
        ("new_code", "engine_request_refused", "HTTP 400"),
        ("failed", "engine_busy", "HTTP 500"),
        ("html_502", "engine_busy", "HTTP 502"),
        ("html", "engine_unexpected_reply", "neither a picture"),
        ("deep", "engine_unexpected_reply", "neither a picture"),
        ("redirect", "engine_unexpected_reply", "HTTP 307"),
        ("no_codes", "engine_unexpected_reply", "HTTP 200"),
        ("nothing", "picture_missing", "no picture"),
        ("wrong_types", "picture_missing", "no picture"),
        ("not_base64", "picture_broken", "base64"),
        ("empty", "picture_missing", "no picture"),
        ("reset", "engine_unreachable", "cannot be reached"),
    ],
)
def test_each_failure_has_its_code_and_a_sentence(site, behaviour, code, words):
    play(site, behaviour)
    error = failure(engine(site.url))
    assert error.code == code
    assert words in str(error)
    assert len(asked(site)) == 1  # what may have cost neurons is not sent again


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("compressed", "engine_unexpected_reply"), ("broken_off", "engine_unreachable"), ("404", "engine_not_configured")],
)
def test_a_spoiled_file_has_its_code(site, behaviour, code):
    play(site, behaviour)
    assert failure(engine(site.url, SDXL)).code == code


@pytest.mark.parametrize(("behaviour", "seconds"), [("too_many", None), ("too_many_for_9", 9)])
def test_a_rate_limit_tells_when_it_ends(site, behaviour, seconds):
    play(site, behaviour)
    error = failure(engine(site.url))
    assert (error.code, error.retry_after) == ("engine_rate_limited", seconds)


def test_the_erratic_filter_alone_allows_the_fallback(site):
    for behaviour, forbids in (("nsfw", False), ("flagged", False)):
        play(site, behaviour)
        error = failure(engine(site.url))
        assert (error.forbids_fallback, error.caused_by_request, error.status) == (forbids, True, 422)
        assert "Ask again" in error.body().hint


@pytest.mark.parametrize("behaviour", ["neurons_3036", "neurons_4006", "success_used_up"])
@pytest.mark.parametrize(("moment", "seconds"), [(NOON, 43_200), (NOON + 43_199.5, 1), (MIDNIGHT + 60, 86_340)])
def test_without_neurons_it_rests_until_midnight(site, behaviour, moment, seconds):
    play(site, behaviour)
    maker = engine(site.url)
    maker.allowance = Allowance(lambda: moment)
    error = failure(maker)
    assert (error.retry_after, error.trips_breaker) == (seconds, True)
    assert maker.health().details == {"pictures_left_today": 0}


def test_a_clock_that_is_ahead_costs_no_day(site):
    """At the service it is the day before yet."""
    play(site, "neurons_3036")
    maker = engine(site.url)
    maker.allowance = Allowance(lambda: MIDNIGHT + 2)
    assert failure(maker).retry_after == 60
    assert maker.health().details == {"pictures_left_today": 173}


def test_it_counts_the_day_s_neurons(site):
    now = [NOON]
    maker = engine(site.url, SCHNELL, KLEIN, SDXL)
    maker.allowance = Allowance(lambda: now[0])
    reported = Reported()
    assert maker.health().details == {"pictures_left_today": 173}
    made(maker, reported)
    assert reported.messages[0].endswith("good for 173.")
    assert maker.health().details == {"pictures_left_today": 172}
    made(maker, model=SDXL)  # of unknown price
    assert maker.allowance.left == pytest.approx(10_000 - 57.6)
    made(maker, model=KLEIN, width=512, height=512)
    assert maker.allowance.left == pytest.approx(10_000 - 57.6 - 26.05)
    now[0] += 86_400
    assert maker.health().details == {"pictures_left_today": 173}


def test_a_picture_that_failed_is_not_counted(site):
    play(site, "no_capacity")
    maker = engine(site.url)
    failure(maker)
    assert maker.allowance.left == 10_000


def test_a_model_of_unknown_price_promises_no_number(site):
    assert engine(site.url, SDXL).health().details == {}


def test_a_service_that_hangs_is_noticed_and_left(site):
    play(site, "hang")
    assert failure(engine(site.url, cloudflare_seconds=0.3)).code == "timeout"
    wait_until(lambda: asked(site)[0]["outcome"] == "aborted", "the end at the service")


def test_a_cancelled_request_is_aborted_at_the_service(site):
    play(site, "hang")

    async def give_up():
        async with asyncio.timeout(0.3):
            await engine(site.url).generate(Recipe(prompt=PROMPT), Reported())

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    wait_until(lambda: asked(site)[0]["outcome"] == "aborted", "the end at the service")


def test_a_service_out_of_reach_is_said():
    assert failure(engine(f"http://127.0.0.1:{free_port()}")).code == "engine_unreachable"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("cloudflare_account_id",), "^CLOUDFLARE_ACCOUNT_ID not configured"),
        (("cloudflare_api_token",), "^CLOUDFLARE_API_TOKEN not configured"),
        (("cloudflare_account_id", "cloudflare_api_token"), "CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN"),
    ],
)
def test_what_is_missing_is_named(missing, words):
    with pytest.raises(EngineNotConfigured, match=words):
        engine("http://127.0.0.1:9", **dict.fromkeys(missing)).check()


@pytest.mark.parametrize(
    "name", ["flux", "@cf/black-forest-labs", "@cf/a/b/../c", "@cf/a/b?x=1", "@hf/a/b", "@cf/a/b\n"]
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="cloudflare_model"):
        engine("http://127.0.0.1:9", name)


def test_the_token_and_the_prompt_are_in_no_log(site, caplog):
    play(site, "nsfw")
    with caplog.at_level(logging.DEBUG):
        failure(engine(site.url))
    assert "3030" in caplog.text
    assert TOKEN not in caplog.text
    assert PROMPT not in caplog.text
