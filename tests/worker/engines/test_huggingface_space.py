"""A Space as the second way of the engine `huggingface`: gradio's protocol, its errors, and which way is taken when."""

import asyncio
import io

import pytest
from PIL import Image

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import Recipe
from render_worker.engines.huggingface.space import host_of
from render_worker.errors import EngineError
from tests.fakes.at_huggingface import PROMPT, Reported, asked, engine, failure, made, new_model, play
from tests.fakes.processes import wait_until

FLUX, Z_IMAGE = "black-forest-labs/FLUX.1-schnell", "mcp-tools/Z-Image-Turbo"


def play_space(site, behaviour: str = "ok", **scenario) -> None:
    play(site, huggingface_space=behaviour, **scenario)


def space(site, **changes):
    return engine(site, **{"huggingface_ways": "space", **changes})


def calls(site) -> list[dict]:
    return asked(site, "huggingface_space")


def test_it_works(site):
    play_space(site)
    reported = Reported()
    image = made(space(site), reported, seed=7, shape="portrait")
    assert Image.open(io.BytesIO(image.data)).size == (832, 1248)
    assert (image.seed, image.guidance_scale, image.model) == (7, None, Z_IMAGE)
    assert reported.phases == ["starting", "queued", "generating", "downloading"]
    data = [PROMPT, "832x1248 ( 2:3 )", 7, 8, 3, False, []]
    assert calls(site)[0]["body"] == {"function": "generate", "data": data}
    assert asked(site, "huggingface_space_file")[0]["body"] == {"authorized": True}
    assert asked(site) == asked(site, "huggingface_hub") == []


def test_it_is_free_and_needs_no_library(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.huggingface.inference.require_package", None)
    maker = space(site)
    maker.check()
    assert (maker.price(Recipe(prompt=PROMPT)), maker.quality_of("auto"), maker.models) == (0.0, 3, (Z_IMAGE,))
    assert maker.capabilities_of("auto").parameters == {"seed"}


def test_a_picture_that_the_providers_may_make_has_no_price(site):
    maker = engine(site, huggingface_ways=("space", "providers"))
    assert maker.price(Recipe(prompt=PROMPT)) is maker.price(Recipe(prompt=PROMPT, model="huggingface")) is None
    assert maker.price(Recipe(prompt=PROMPT, model=Z_IMAGE)) == 0.0


def test_a_random_seed_is_the_engine_s_own_and_told(site):
    play_space(site)
    seeds = {made(space(site)).seed for _ in range(2)}
    assert seeds == {entry["body"]["data"][2] for entry in calls(site)}
    assert len(seeds) == 2


def test_the_function_and_its_arguments_are_configurable(site):
    arguments = (
        '["{prompt}", "{width}x{height} ( any )", "{seed}", {"no": "{negative_prompt}"}, "{guidance_scale}", 1, []]'
    )
    maker = space(site, huggingface_space_arguments=arguments, huggingface_space_sizes="512x512,768x512")
    play_space(site)
    assert maker.capabilities_of("auto").parameters == {"seed", "negative_prompt", "guidance_scale"}
    image = made(maker, prompt="{seed} braces", negative_prompt="fog", guidance_scale=4, seed=3, shape="landscape")
    assert (image.seed, image.guidance_scale) == (3, 4)
    data = ["{seed} braces", "768x512 ( any )", 3, {"no": "fog"}, 4, 1, []]
    assert calls(site)[0]["body"]["data"] == data


@pytest.mark.parametrize(
    "arguments", ["{prompt}", "{}", "[", '["{seed}"]', '["{prompt}", "{steps}"]', "7", "[" * 100_000, "[NaN]"]
)
def test_arguments_that_cannot_be_used_are_refused(site, arguments):
    with pytest.raises(ValueError, match="huggingface_space_arguments"):
        space(site, huggingface_space_arguments=arguments)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (Z_IMAGE, "mcp-tools-z-image-turbo"),
        ("Tongyi-MAI/Z-Image.Turbo_2", "tongyi-mai-z-image-turbo-2"),
        ("a/..b", "a-b"),
    ],
)
def test_a_space_is_asked_at_its_own_host(name, host):
    assert host_of(name) == f"https://{host}.hf.space"


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("quota", "engine_quota_exhausted", "free GPU minutes"),
        ("quota_old", "engine_quota_exhausted", "free GPU minutes"),
        ("too_long", "engine_quota_exhausted", "HUGGINGFACE_SPACE"),
        ("no_gpu", "engine_busy", "no GPU at the moment"),
        ("aborted", "engine_busy", "no GPU at the moment"),
        ("queue_full", "engine_busy", "its queue is full"),
        ("nsfw", "content_refused", "does not make such a picture"),
        ("silent", "engine_failed", "failed at the picture"),
        ("odd_error", "engine_failed", "failed at the picture"),
        ("too_many", "engine_rate_limited", "limits how often"),
        ("arguments", "engine_request_refused", "HUGGINGFACE_SPACE_ARGUMENTS"),
        ("invalid", "engine_request_refused", "HUGGINGFACE_SPACE_ARGUMENTS"),
        ("unknown", "engine_not_configured", "HUGGINGFACE_SPACE_API"),
        ("no_access", "engine_unauthorized", "does not accept the token"),
        ("crashed", "engine_failed", "HTTP 500"),
        ("redirect", "engine_unexpected_reply", "HTTP 307"),
        ("html", "engine_unexpected_reply", "JSON object"),
        ("no_event", "engine_unexpected_reply", "without an event"),
        ("odd_event", "engine_unexpected_reply", "without an event"),
        ("path_event", "engine_unexpected_reply", "without an event"),
        ("session_gone", "engine_not_configured", "not there"),
        ("cut_stream", "engine_unexpected_reply", "without a result"),
        ("endless_stream", "engine_unexpected_reply", "larger than any"),
        ("long_line", "engine_unexpected_reply", "larger than any"),
        ("no_outputs", "picture_missing", "holds no picture"),
        ("no_picture", "picture_missing", "holds no picture"),
        ("odd_outputs", "picture_missing", "holds no picture"),
        ("deep_outputs", "picture_missing", "holds no picture"),
        ("elsewhere_alone", "engine_unexpected_reply", "on a host from which none is fetched"),
        ("404", "picture_missing", "not to be had"),
        ("oversized", "picture_too_large", "larger than 20 MiB"),
    ],
)
def test_each_failure_has_its_code_and_a_sentence(site, behaviour, code, words):
    play_space(site, behaviour)
    error = failure(space(site))
    assert error.code == code
    assert words in str(error)
    assert len(calls(site)) == 1


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [
        ("quota", 23 * 3600 + 53 * 60 + 46),
        ("quota_days", 86_400),
        ("quota_soon", 1),
        ("quota_old", 3600),
        ("quota_absurd", 86_400),
        ("too_long", 86_400),
        ("too_many", 7),
    ],
)
def test_a_quota_s_sentence_tells_when_it_ends(site, behaviour, seconds):
    play_space(site, behaviour)
    error = failure(space(site))
    assert (error.retry_after, error.trips_breaker) == (seconds, True)


@pytest.mark.parametrize("behaviour", ["path_alone", "url_alone", "elsewhere"])
def test_the_picture_is_fetched_from_the_space_alone(site, behaviour):
    play_space(site, behaviour)
    assert made(space(site)).data[:4] == b"\x89PNG"


@pytest.mark.parametrize("behaviour", ["hang", "hang_stream"])
def test_a_space_that_hangs_is_noticed_and_left(site, behaviour):
    play_space(site, behaviour)
    assert failure(space(site, huggingface_seconds=0.5)).code == "timeout"
    wait_until(lambda: [entry["outcome"] for entry in streams_or_calls(site)] == ["aborted"], "the end at the service")


def streams_or_calls(site) -> list[dict]:
    return asked(site, "huggingface_space_stream") or calls(site)


@pytest.mark.parametrize(("behaviour", "seconds"), [("hang_stream", 0.5), ("slow_submission", 0.3)])
def test_a_cancelled_request_is_withdrawn_at_the_space(site, behaviour, seconds):
    """Also one whose call was not answered yet: it is in the queue all the same."""
    play_space(site, behaviour)

    async def give_up():
        async with asyncio.timeout(seconds):
            await space(site).generate(Recipe(prompt=PROMPT), Reported())

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    streams = lambda: [entry["outcome"] for entry in asked(site, "huggingface_space_stream")]  # noqa: E731
    wait_until(lambda: streams() == ["aborted"], "the end at the service")


@pytest.mark.parametrize("behaviour", ["no_credit", "not_enabled", "too_many", "no_permission", "unknown_model"])
def test_without_credit_or_permission_the_space_makes_the_picture(site, behaviour):
    play(site, behaviour)
    maker, reported = engine(site), Reported()
    images = [made_and_kept(maker, reported) for _ in range(2)]
    assert {image.model for image in images} == {Z_IMAGE}
    assert len(asked(site)) == 1  # what has no credit is not asked each time
    assert len(reported.setbacks) == 1
    assert maker.capabilities_of("auto").parameters == {"seed"}
    assert maker.price(Recipe(prompt=PROMPT)) is None  # the providers may have credit again before it is made
    assert Image.open(io.BytesIO(images[0].data)).size == maker.plan(Recipe(prompt=PROMPT)).made


@pytest.mark.parametrize("behaviour", ["deprecated", "hub_nobody"])
def test_without_a_provider_the_space_makes_the_picture(site, behaviour):
    play(site, behaviour)
    assert made(engine(site, huggingface_model=new_model())).model == Z_IMAGE


@pytest.mark.parametrize("behaviour", ["nsfw", "invalid", "error_500", "overloaded"])
def test_another_failure_is_no_reason_for_another_way(site, behaviour):
    play(site, behaviour)
    assert failure(engine(site)).code != "engine_quota_exhausted"
    assert calls(site) == []


def made_and_kept(maker, reported=None, **recipe):
    return asyncio.run(maker.generate(Recipe(**{"prompt": PROMPT, **recipe}), reported or Reported()))


def refused(maker, **recipe) -> EngineError:
    with pytest.raises(EngineError) as caught:
        made_and_kept(maker, **recipe)
    return caught.value


def test_the_order_of_the_ways_is_the_operator_s(site):
    play_space(site)
    maker = engine(site, huggingface_ways="space,providers")
    assert made_and_kept(maker).model == Z_IMAGE
    play_space(site, "quota")
    assert made_and_kept(maker).model == FLUX
    assert maker.capabilities_of("auto").parameters == set()


def test_a_model_that_is_named_has_no_other_way(site):
    play(site, "no_credit")
    maker = engine(site)
    assert maker.models == (FLUX, Z_IMAGE)
    error = refused(maker, model=FLUX)
    assert (error.code, error.retry_after, error.trips_breaker) == ("engine_quota_exhausted", 3600, False)
    breaker = CircuitBreaker("huggingface", 1, 60)
    breaker.record_failure(error)
    assert breaker.state == "closed"  # the Space is well
    assert made_and_kept(maker, model=Z_IMAGE).model == Z_IMAGE
    assert calls(site)


def test_nothing_that_was_asked_for_is_dropped_on_the_other_way(site):
    play(site, "no_credit")
    maker = engine(site, huggingface_provider="fal-ai", huggingface_model="stabilityai/stable-diffusion-3.5-large")
    error = refused(maker, negative_prompt="fog")
    assert (error.code, error.caused_by_request) == ("engine_quota_exhausted", True)
    assert calls(site) == []
    assert maker.cannot_honour(Recipe(prompt=PROMPT, negative_prompt="fog")) == ["negative_prompt"]  # from now on


def test_the_engine_rests_when_no_way_is_left(site):
    play(site, "too_many", huggingface_space="quota")
    maker = engine(site)
    error = refused(maker)
    assert (error.trips_breaker, error.retry_after) == (True, 7)


def test_an_endpoint_of_one_s_own_is_the_only_way(site):
    play(site, "no_credit")
    maker = engine(site, huggingface_url=f"{site.url}/huggingface/endpoint")
    assert (refused(maker).code, calls(site)) == ("engine_quota_exhausted", [])
