"""The attacks of one anonymous client that measure no latency: the service holds. `make hostile` runs them all."""

import pytest

from tests.hostile import attacks
from tests.hostile.__main__ import carry_out
from tests.hostile.arena import ATTACKS

assert attacks  # importing it registers them
QUICK = [attack for attack in ATTACKS.values() if attack.quick]


@pytest.mark.parametrize("attack", QUICK, ids=lambda attack: attack.name)
def test_the_service_holds(attack):
    result = carry_out(attack)
    assert result.held, result.value
    assert result.own_faults == 0, result.outcomes
    assert result.tracebacks == 0
