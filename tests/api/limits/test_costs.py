"""What a picture counts as: by its size before it is made, and by its price then."""

import pytest

from image_api.limits.costs import units_of, units_with_cost
from render_worker.contract import GenerateRequest, GenerateResult
from tests.api.conftest import RESULT


@pytest.mark.parametrize(
    ("fields", "units"),
    [
        ({}, 1),
        ({"shape": "landscape"}, 1),
        ({"aspect_ratio": "16:9"}, 1),
        ({"width": 64, "height": 64}, 1),
        ({"width": 1024, "height": 1024}, 1),
        ({"width": 1024, "height": 1032}, 2),
        ({"width": 2048, "height": 1024}, 2),
        ({"width": 2048, "aspect_ratio": "1:1"}, 4),
        ({"width": 4096, "height": 4096}, 16),
    ],
)
def test_each_begun_megapixel_is_one(fields, units):
    assert units_of(GenerateRequest(prompt="a tree", **fields)) == units


@pytest.mark.parametrize(
    ("cost", "factor"),
    [(None, 1), (0, 1), (0.0001, 1), (0.01, 1), (0.0101, 2), (0.02, 2), (0.01 + 0.01 + 0.01, 3), (0.134, 14)],
)
def test_each_begun_cent_counts_it_once_more(cost, factor):
    result = GenerateResult.model_validate({**RESULT, "cost": cost})
    assert [units_with_cost(units, result) for units in (1, 4)] == [factor, 4 * factor]
