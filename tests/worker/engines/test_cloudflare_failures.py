"""Each refusal of Workers AI at a stand-in, and the count of the day's free neurons."""

import pytest

from render_worker.engines.cloudflare.allowance import Allowance
from tests.fakes.at_cloudflare import KLEIN, SCHNELL, SDXL, Reported, asked, engine, failure, made, play

MIDNIGHT = 20_000 * 86_400  # 00:00 UTC of some day
NOON = MIDNIGHT + 43_200


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("neurons_3036", "engine_quota_exhausted", "00:00 UTC"),
        ("neurons_4006", "engine_quota_exhausted", "00:00 UTC"),
        ("success_used_up", "engine_quota_exhausted", "00:00 UTC"),
        ("neurons_as_text", "engine_quota_exhausted", "00:00 UTC"),
        ("flagged_without_code", "content_refused", "by chance"),
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
    assert "good for 173 such pictures" in reported.messages[0]
    assert maker.health().details == {"pictures_left_today": 172}
    made(maker, model=SDXL)  # of unknown price
    assert maker.allowance.left == pytest.approx(10_000 - 57.6)
    made(maker, model=KLEIN, width=512, height=512)
    assert maker.allowance.left == pytest.approx(10_000 - 57.6 - 26.05)
    now[0] += 86_400
    assert maker.health().details == {"pictures_left_today": 173}


@pytest.mark.parametrize(("left", "words"), [(11, None), (10, "9 more"), (1, "no more"), (0, "no more")])
def test_the_last_pictures_of_a_day_say_so(site, left, words):
    maker = engine(site.url)
    maker.allowance = Allowance(lambda: NOON)
    maker.allowance.use(10_000 - left * 57.6 - 1)
    note = made(maker).note
    assert note is None if words is None else f"{words} such pictures" in note


def test_a_picture_that_failed_is_not_counted(site):
    play(site, "no_capacity")
    maker = engine(site.url)
    failure(maker)
    assert maker.allowance.left == 10_000


def test_a_model_of_unknown_price_promises_no_number(site):
    assert engine(site.url, SDXL).health().details == {}
