"""Jobs survive what happens to their processes: the short form of `make chaos`, on real databases."""

import pytest

from tests.chaos.performance import perform
from tests.chaos.scenes import BOTH, SCENES

JOBS = 40


@pytest.mark.parametrize("database", BOTH)
def test_each_accepted_job_gets_one_true_answer(database):
    outcome = perform(SCENES["everything"], database, JOBS, seed=7, seconds=(0.2, 0.6))
    assert not outcome.problems
