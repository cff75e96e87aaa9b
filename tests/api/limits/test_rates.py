"""RATE_LIMIT, and what its rates are called."""

import pytest
from pydantic import ValidationError

from image_api.rates import Rate, parse_rates
from image_api.settings import Settings

TEN_MINUTES = Rate(20, 600)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("20 per 10 minutes", (TEN_MINUTES,)),
        ("20/10 minutes", (TEN_MINUTES,)),
        ("20/10minute", (TEN_MINUTES,)),
        ("20 PER 10  Minutes", (TEN_MINUTES,)),
        ("5/minute", (Rate(5, 60),)),
        ("5 per minute", (Rate(5, 60),)),
        ("5 / minute; 100 per day", (Rate(5, 60), Rate(100, 86_400))),
        ("1/second;2/hours", (Rate(1, 1), Rate(2, 3600))),
        ("off", ()),
        (" OFF ", ()),
    ],
)
def test_a_rate_is_read(text, rates):
    assert parse_rates(text) == rates
    assert Settings(rate_limit=text).rates == rates


@pytest.mark.parametrize(
    "text",
    [
        *(
            "twenty per minute",
            "20",
            "20/",
            "/minute",
            "20 per fortnight",
            "20 minutes",
            "20 per minutess",
            "-1/minute",
        ),
        *("0/minute", "5/0 minutes", "5/minute;", ";", "5/minute, 6/day", "5.5/minute", "5/minute off", "5/999 days"),
        *("٥/minute", "20permin", "5/99999999 days", "99999999999/day", "none", "0"),
    ],
)
def test_what_is_no_rate_is_refused_by_the_name_of_its_setting(text):
    with pytest.raises(ValidationError, match="rate"):
        Settings(rate_limit=text)


def test_by_default_there_is_a_rate():
    assert Settings().rates == (TEN_MINUTES,)


@pytest.mark.parametrize(
    ("seconds", "period", "name"),
    [
        (1, "second", "second"),
        (60, "minute", "minute"),
        (90, "90 seconds", "90-seconds"),
        (600, "10 minutes", "10-minutes"),
        (3600, "hour", "hour"),
        (86_400, "day", "day"),
        (7 * 86_400, "7 days", "7-days"),
    ],
)
def test_a_window_has_a_name(seconds, period, name):
    assert (Rate(1, seconds).period, Rate(1, seconds).name) == (period, name)
