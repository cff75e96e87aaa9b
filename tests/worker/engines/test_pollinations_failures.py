"""Pollinations without an account: what it sends in place of pictures, and how long it is left alone then."""

import pytest

from render_worker.contract import Recipe
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.imaging import to_picture
from tests.fakes.at_horde import play
from tests.fakes.at_pollinations import engine, make, sent
from tests.fakes.processes import free_port

A_HALF_HOUR = 1800


@pytest.mark.parametrize(
    "word", ["x402_v1", "x402_v2", "x402_v2_html", "x402_bare", "x402_as_200", "placeholder", "placeholder_qr"]
)
def test_a_demand_for_payment_and_a_placeholder_rest_it_for_half_an_hour(site, word):
    play(site, pollinations=word)
    with pytest.raises(EngineRateLimited) as caught:
        make(engine(site))
    assert (caught.value.retry_after, caught.value.trips_breaker) == (A_HALF_HOUR, True)
    assert len(sent(site)) == 1


def test_a_longer_time_that_it_names_is_kept(site):
    play(site, pollinations="x402_for_a_day")
    with pytest.raises(EngineRateLimited) as caught:
        make(engine(site))
    assert caught.value.retry_after == 86_400


@pytest.mark.parametrize(
    ("word", "error", "seconds"),
    [
        ("tunnel_down", EngineUnreachable, 60),
        ("not_configured", EngineBusy, 60),
        ("bad_request", RequestInvalid, None),
        ("bad_page", RequestInvalid, None),
        ("too_many", EngineRateLimited, 60),
        ("too_many_for_90", EngineRateLimited, 90),
        ("forbidden", EngineRateLimited, 3600),
        ("challenge_page", EngineRateLimited, 3600),
        ("unauthorized", EngineUnauthorized, None),
        ("failed", EngineBusy, 60),
        ("odd_json", EngineBusy, 60),
        ("gateway_page", EngineBusy, 60),
        ("page", UnexpectedReply, None),
        ("error_as_200", UnexpectedReply, None),
        ("gone", UnexpectedReply, None),
        ("redirect", UnexpectedReply, None),
        ("404", UnexpectedReply, None),
        ("compressed", UnexpectedReply, None),
        ("oversized", UnexpectedReply, None),
        ("reset", EngineUnreachable, 60),
        ("broken_off", EngineUnreachable, 60),
        ("nsfw", ContentRefused, None),
        ("moderated", ContentRefused, None),
        ("content_refused", ContentRefused, None),
        ("wrong_size", EngineRateLimited, A_HALF_HOUR),
        ("large", EngineRateLimited, A_HALF_HOUR),
    ],
)
def test_each_other_reply_has_its_error_and_is_not_asked_for_again(site, word, error, seconds):
    play(site, pollinations=word)
    with pytest.raises(error) as caught:
        make(engine(site), prompt="a nsfw tree")
    assert type(caught.value) is error
    assert caught.value.retry_after == seconds
    assert "tree" not in str(caught.value)
    assert len(sent(site)) == 1


@pytest.mark.parametrize("word", ["empty", "cut", "not_a_picture", "bomb"])
def test_what_is_no_picture_is_left_to_the_decoder(site, word):
    play(site, pollinations=word)
    one = engine(site)
    image = make(one)
    with pytest.raises(BadPicture):
        to_picture(image.data, one.plan(Recipe(prompt="a tree")), {})


def test_no_fifth_refused_prompt_is_sent(site):
    play(site, pollinations="content_refused")
    one = engine(site)
    for _ in range(4):
        with pytest.raises(ContentRefused):
            make(one)
    play(site)
    with pytest.raises(EngineRateLimited, match="refused 4 prompts") as caught:
        make(one)
    assert 86_000 < caught.value.retry_after <= 86_400
    assert len(sent(site)) == 4
    assert make(engine(site)).data  # the service would still have given one


def test_an_address_that_was_shut_out_is_no_matter_of_the_prompt(site):
    play(site, pollinations="content_refused")
    for _ in range(5):
        with pytest.raises(ContentRefused):
            make(engine(site))
    play(site)
    with pytest.raises(EngineRateLimited, match="shut"):
        make(engine(site))


def test_a_host_that_is_down_or_hangs_is_an_error(site):
    with pytest.raises(EngineUnreachable):
        make(engine(site, pollinations_url=f"http://127.0.0.1:{free_port()}"))
    play(site, pollinations="hang")
    with pytest.raises(PhaseTimeout):
        make(engine(site, pollinations_seconds=0.3))
