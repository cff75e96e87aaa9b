"""Half a minute of the soak test; `python -m tests.end_to_end.soak --minutes 20` runs it for longer."""

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.soak import SETTINGS, soak

SECONDS = 30


@pytest.mark.timeout(300)
def test_every_request_is_accounted_for(tmp_path):
    with running(tmp_path, **SETTINGS) as stack:
        counts = soak(stack, SECONDS, seed=1)
        assert counts["picture"] > 25
        assert counts["picture"] > counts["requests"] / 2
