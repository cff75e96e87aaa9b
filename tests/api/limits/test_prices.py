"""What is reserved for a picture, by the prices that render workers have told of."""

import pytest

from image_api.key_entries import MICROS
from image_api.limits.prices import BYTE_MICROS, IMAGE_MICROS, PREVIEWS_MICROS, KnownPrices, Prices, TooDear
from render_worker.contract import GenerateRequest, ModelList
from render_worker.engines.openai.models import IMAGE_INPUT_DOLLARS, PARTIAL_IMAGE_DOLLARS, TEXT_BYTE_DOLLARS
from render_worker.engines.openai.requests import PARTIAL_IMAGES
from tests.api.limits.spender import model

MODELS = (
    model(0.04, "openai"),
    model(0.1, "large", answers_auto=False),
    model(None, "unpriced"),
    model(0, "horde"),
    model(0.06, "replicate"),
)
CENT = 10_000
DOLLAR = 100 * CENT
BYTE = BYTE_MICROS


def amount(request: dict, left: int, models=MODELS, budget: int = DOLLAR):
    return KnownPrices(ModelList(models=models)).amount(GenerateRequest(**{"prompt": "a", **request}), left, budget)


@pytest.mark.parametrize(
    ("request_", "left", "reserved"),
    [
        ({}, DOLLAR, 6 * CENT + BYTE),
        ({}, 6 * CENT, 6 * CENT),
        ({}, 5 * CENT, 4 * CENT + BYTE),
        ({}, 3 * CENT, 0),
        ({}, 0, 0),
        ({"model": "large"}, DOLLAR, 10 * CENT + BYTE),
        ({"model": "large", "previews": True}, DOLLAR, 10 * CENT + BYTE + 6_400),
        ({"model": "large", "prompt": "é" * 100, "negative_prompt": "b"}, DOLLAR, 10 * CENT + 201 * BYTE),
        ({"model": "large"}, 10 * CENT - 1, TooDear(10 * CENT)),
        ({"model": "horde"}, 0, 0),
        ({"model": "unpriced"}, DOLLAR, 0),
        ({"model": "large", "width": 2048, "height": 1024}, DOLLAR, 20 * CENT + BYTE),
        ({"model": "large", "width": 2048, "height": 1024}, 15 * CENT, 15 * CENT),
        ({"model": "large", "width": 512, "height": 512}, DOLLAR, 10 * CENT + BYTE),
    ],
)
def test_it_is_the_highest_price_that_is_left(request_, left, reserved):
    assert amount(request_, left) == reserved


@pytest.mark.parametrize(("left", "reserved"), [(DOLLAR, 25 * CENT), (10 * CENT, 10 * CENT), (0, 0)])
def test_before_a_price_is_known_it_is_a_quarter_of_the_budget(left, reserved):
    assert amount({}, left, models=()) == reserved
    assert amount({"model": "unheard-of"}, left) == reserved


def test_the_cheapest_is_told_of_if_none_is_cheap_enough():
    assert amount({}, 3 * CENT, [it for it in MODELS if it.price]) == TooDear(4 * CENT)


def test_they_are_read_again_without_waiting():
    asked = []
    Prices(lambda: None, lambda: asked.append(1)).latest()
    assert asked == [1]


def test_what_is_billed_beside_a_picture_is_no_less_than_at_the_dearest_engine():
    assert BYTE_MICROS >= TEXT_BYTE_DOLLARS * MICROS
    assert IMAGE_MICROS >= IMAGE_INPUT_DOLLARS * MICROS - 0.001
    assert PREVIEWS_MICROS >= PARTIAL_IMAGES * PARTIAL_IMAGE_DOLLARS * MICROS - 0.001
