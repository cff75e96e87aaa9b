"""Jobs survive what happens to their processes: the short form of `make chaos`, on real databases and a real queue."""

import pytest

from tests.chaos.clients import FINAL
from tests.chaos.performance import perform
from tests.chaos.programme import SCENES
from tests.chaos.scene import BOTH

JOBS = 40


@pytest.mark.parametrize("database", BOTH)
def test_each_accepted_job_gets_one_true_answer(database):
    outcome = perform(SCENES["everything"], database, JOBS, seed=7, seconds=(0.2, 0.6))
    assert not outcome.problems


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["queue-everything", "queue-everything-aof"])
def test_each_job_of_a_queue_gets_one_true_answer(name):
    scene = SCENES[name]
    outcome = perform(scene, *scene.databases, JOBS, seed=7, seconds=(1.0, 2.0), is_timed=False)
    assert not outcome.problems
    assert set(outcome.statuses) <= FINAL
