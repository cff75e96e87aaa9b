"""The limits of the service that the page's scripts repeat are the contract's."""

import re

import pytest

from image_api.generation.options import MAX_PICTURES
from render_worker.contract import MAX_SEED, MAX_SIDE, MIN_SIDE, SIDE_STEP
from render_worker.contract.fields import MAX_TEXT
from tests.fakes.processes import ROOT

STATIC = ROOT / "image_api/static"


@pytest.mark.parametrize(
    ("module", "name", "limit"),
    [
        ("options", "MAX_SEED", MAX_SEED),
        ("options", "MAX_PICTURES", MAX_PICTURES),
        ("options", "SIDE_STEP", SIDE_STEP),
        ("checks", "MAX_TEXT", MAX_TEXT),
        ("checks", "MIN_SIDE", MIN_SIDE),
        ("checks", "MAX_SIDE", MAX_SIDE),
    ],
)
def test_a_limit_is_the_contract_s(module, name, limit):
    found = re.search(rf"const {name} = ([0-9* -]+);", (STATIC / f"{module}.js").read_text())
    assert found
    assert eval(found[1], {}) == limit  # noqa: S307 - digits and operators, which Python and JavaScript read alike
