"""Results that Redis lost before they were read are told again, by the worker that made them."""

import uuid

import pytest

from bench.stub_worker import result
from render_worker.contract import ErrorLine, GenerateResult, ResultLine
from render_worker.errors import ContentRefused
from render_worker.queued.claims import Claim, Claims
from render_worker.queued.endings import REMEMBERED_SECONDS, Endings


def made(claim: Claim) -> ResultLine:
    return ResultLine(result=GenerateResult(**result({"prompt": "a boat", "request_id": claim.id})))


def a_claim() -> Claim:
    return Claim(uuid.uuid4().hex, 1)


@pytest.fixture
def endings(queue):
    endings = Endings(queue.redis, Claims(queue.redis, "w@tests", "token"))
    endings.repeat()
    return endings


def test_it_works(queue, endings):
    claim = a_claim()
    endings.finish(claim, made(claim))
    queue.redis.flushall()
    endings.repeat()
    assert queue.ended(claim.id) == made(claim)
    assert queue.news(claim.id) == [("ended", 1)]


def test_a_redis_that_has_its_memory_is_told_nothing(queue, endings):
    claim = a_claim()
    endings.finish(claim, made(claim))
    queue.states.settle([claim.id])
    endings.repeat()
    assert queue.news(claim.id) == [("ended", 1)]
    assert queue.states.endings([claim.id]) == [None]


def test_each_loss_is_noticed(queue, endings):
    claim = a_claim()
    endings.finish(claim, made(claim))
    for _ in range(2):
        queue.redis.flushall()
        endings.repeat()
        assert queue.status(claim.id) == "ended"


def test_a_failure_is_not_told_again_as_a_later_attempt_may_run(queue, endings):
    claim, error = a_claim(), ContentRefused("No such picture.")
    endings.finish(claim, ErrorLine(status=error.status, error=error.body(claim.id)))
    queue.redis.flushall()
    endings.repeat()
    assert queue.status(claim.id) == "unknown"


def test_an_old_result_is_forgotten(queue):
    now = 1000.0
    endings = Endings(queue.redis, Claims(queue.redis, "w@tests", "token"), lambda: now)
    endings.repeat()
    claim = a_claim()
    endings.finish(claim, made(claim))
    now += REMEMBERED_SECONDS + 1
    queue.redis.flushall()
    endings.repeat()
    assert queue.status(claim.id) == "unknown"
