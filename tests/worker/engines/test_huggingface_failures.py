"""Each failure of Hugging Face, its Hub and its providers, by its own client at the stand-in."""

import asyncio

import pytest

from render_worker.contract import Recipe
from render_worker.engines.huggingface.replies import classified
from tests.fakes.at_huggingface import PROMPT, Reported, asked, engine, failure, new_model, play
from tests.fakes.processes import free_port


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("no_permission", "engine_unauthorized", "needs its permission"),
        ("no_credit", "engine_quota_exhausted", "no credits left"),
        ("not_enabled", "engine_quota_exhausted", "no credits left"),
        ("unknown_model", "engine_not_configured", "is not served"),
        ("invalid", "engine_request_refused", "refused the request's parameters"),
        ("invalid_list", "engine_request_refused", "refused the request's parameters"),
        ("flagged", "content_refused", "does not make such a picture"),
        ("nsfw", "content_refused", "does not make such a picture"),
        ("overloaded", "engine_busy", "cannot take the request"),
        ("loading_odd", "engine_busy", "cannot take the request"),
        ("error_500", "engine_failed", "HTTP 500"),
        ("teapot", "engine_unexpected_reply", "HTTP 418"),
        ("redirect", "engine_unexpected_reply", "HTTP 307"),
        ("html", "engine_unexpected_reply", "not what its client expects"),
        ("empty_json", "engine_unexpected_reply", "not what its client expects"),
        ("wrong_types", "engine_unexpected_reply", "not what its client expects"),
        ("not_base64", "engine_unexpected_reply", "not what its client expects"),
        ("deep", "engine_unexpected_reply", "not what its client expects"),
        ("not_a_picture", "picture_unreadable", "no picture"),
        ("oversized", "picture_too_large", "larger than 20 MiB"),
        ("bomb", "picture_too_large", "far more pixels"),
        ("empty", "picture_unreadable", "no picture"),
        ("reset", "engine_unreachable", "broke off"),
    ],
)
def test_each_failure_has_its_code_and_a_sentence(site, behaviour, code, words):
    play(site, behaviour)
    error = failure(engine(site, huggingface_ways=("providers",)))
    assert error.code == code
    assert words in str(error)
    assert len(asked(site)) == 1  # no creation is sent twice


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("html", "picture_unreadable"),
        ("broken_off", "engine_unreachable"),
        ("compressed", "engine_unexpected_reply"),
        ("oversized", "picture_too_large"),
    ],
)
def test_spoiled_replies_of_hf_inference_have_their_codes(site, behaviour, code):
    play(site, behaviour)
    assert failure(engine(site, huggingface_provider="hf-inference")).code == code


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ({"huggingface": "elsewhere"}, "engine_unexpected_reply"),
        ({"huggingface": "wrong_types"}, "engine_unexpected_reply"),
        ({"huggingface": "not_base64"}, "engine_unexpected_reply"),
        ({"huggingface": "black"}, "content_refused"),
        ({"upload": "404"}, "picture_missing"),
        ({"upload": "redirect"}, "engine_unexpected_reply"),
        ({"upload": "oversized"}, "picture_too_large"),
        ({"upload": "not_a_picture"}, "picture_unreadable"),
    ],
)
def test_a_bad_address_or_picture_has_its_code(site, scenario, code):
    play(site, scenario.get("huggingface", "ok"), upload=scenario.get("upload", "ok"))
    assert failure(engine(site, huggingface_provider="fal-ai")).code == code


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [("too_many", 7), ("too_many_as_limit", 55), ("too_many_absurd", 86_400), ("too_many_silent", 60)],
)
def test_a_rate_limit_tells_when_it_ends(site, behaviour, seconds):
    play(site, behaviour)
    error = failure(engine(site, huggingface_ways=("providers",)))
    assert (error.code, error.retry_after) == ("engine_rate_limited", seconds)


def test_a_provider_that_dropped_the_model_is_passed_over_and_not_asked_again(site):
    play(site, "deprecated", times=2)
    maker, reported = engine(site, huggingface_model=new_model()), Reported()

    async def twice():
        images = [await maker.generate(Recipe(prompt=PROMPT), reported) for _ in range(2)]
        await maker.stop()
        return images

    assert all(image.data for image in asyncio.run(twice()))
    providers = [entry["body"]["provider"] for entry in asked(site)]
    assert providers == ["nscale", "fal-ai", "together", "together"]
    assert [words.partition(":")[0] for words in reported.setbacks] == ["nscale", "fal-ai"]


def test_a_model_that_every_provider_dropped_is_named(site):
    play(site, "deprecated")
    error = failure(engine(site, huggingface_ways="providers"))
    assert (error.code, len(asked(site))) == ("engine_not_configured", 4)
    assert "FLUX.1-schnell is not served" in str(error)


def test_a_provider_that_is_configured_is_the_only_one(site):
    play(site, "deprecated")
    for provider in ("fal-ai", "hf-inference"):
        maker = engine(site, huggingface_ways="providers", huggingface_provider=provider)
        assert failure(maker).code == "engine_not_configured"
    assert [entry["body"]["provider"] for entry in asked(site)] == ["fal-ai", "hf-inference"]


@pytest.mark.parametrize("key", ["hf_wrong", "hf_also-wrong"])
def test_a_wrong_token_is_an_error(site, key):
    play(site)
    for provider in ("auto", "hf-inference"):
        error = failure(
            engine(site, huggingface_ways="providers", huggingface_api_key=key, huggingface_provider=provider)
        )
        assert error.code == "engine_unauthorized"
        assert key not in str(error)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("hub_down", "engine_failed"),
        ("hub_unknown", "engine_not_configured"),
        ("hub_nobody", "engine_not_configured"),
        ("hub_odd", "engine_unexpected_reply"),
    ],
)
def test_the_hub_s_failures_come_before_anything_is_paid(site, behaviour, code):
    play(site, behaviour)
    assert failure(engine(site, huggingface_ways="providers", huggingface_model=new_model())).code == code
    assert asked(site) == []


def test_a_service_out_of_reach_is_said_after_some_tries():
    class Nowhere:
        url = f"http://127.0.0.1:{free_port()}"
        upload_origin = "http://127.0.0.1:9"

    reported = Reported()
    error = failure(engine(Nowhere, huggingface_provider="hf-inference"), reported)
    assert error.code == "engine_unreachable"
    assert len(reported.setbacks) == 2


@pytest.mark.parametrize(
    ("body", "nsfw"),
    [
        (b'{"images":[],"has_nsfw_concepts":[false]}', False),
        (b'{"has_nsfw_concepts":[false,true]}', True),
        (b'{"has_nsfw_concepts":[]}', None),
        (b'{"has_nsfw_concepts":[null]}', None),
        (b'{"has_nsfw_concepts":"no"}', None),
        (b'{"has_nsfw_concepts":false}', None),
        (b'"has_nsfw_concepts" in no object', None),
        (b'{"images":[]}', None),
    ],
)
def test_a_classification_that_is_none_is_no_opinion(body, nsfw):
    assert classified(body) is nsfw
