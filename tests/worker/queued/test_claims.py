"""What Redis lets Celery workers do with a request, in any order of events."""

import time
import uuid

import pytest

from image_api.dispatch.queued.request_states import RequestStates
from render_worker.contract import (
    NEWS,
    PROGRESS,
    SETTLED_SECONDS,
    ErrorBody,
    ErrorLine,
    GenerateRequest,
    GenerateResult,
    Progress,
    QueuedRequest,
    ResultLine,
    queue_key,
)
from render_worker.queued.claims import Claim, Claims
from render_worker.queued.progress_sender import ProgressSender
from tests.fakes.processes import wait_until

FAILURE = ErrorLine(status=502, error=ErrorBody(error="It failed.", code="engine_failed"))


@pytest.fixture
def redis(redis_server):
    redis_server.client.flushall()
    return redis_server.client


@pytest.fixture
def states(redis) -> RequestStates:
    return RequestStates(redis)


@pytest.fixture
def one(redis) -> Claims:
    return Claims(redis, "one@here", "token-one")


@pytest.fixture
def other(redis) -> Claims:
    return Claims(redis, "other@here", "token-other")


def message(request_id: str, attempt: int = 1, expires_at: float | None = None) -> QueuedRequest:
    request = GenerateRequest(prompt="a boat", request_id=request_id)
    return QueuedRequest(request=request, attempt=attempt, expires_at=expires_at)


def picture(prompt: str = "a boat") -> ResultLine:
    made = {"image_url": "/images/a.png", "prompt": prompt, "shape": "square", "width": 64, "height": 64, "bytes": 9}
    kept = {"content_type": "image/png", "sha256": "0" * 64, "engine": "e", "model": "auto", "storage": "local"}
    rest = {"duration_ms": 1, "created_at": "2026-01-01T00:00:00+00:00", "request_id": "a"}
    return ResultLine(result=GenerateResult.model_validate({**made, **kept, **rest}))


@pytest.fixture
def request_id(states) -> str:
    request_id = uuid.uuid4().hex
    states.announce(request_id, 1)
    return request_id


def test_one_of_two_gets_the_lease(one, other, request_id):
    assert [it.claim(message(request_id))[0] for it in (one, other)] == ["go", "leased"]


def test_a_claim_whose_answer_was_lost_is_made_again(one, request_id):
    assert [one.claim(message(request_id))[0] for _ in range(2)] == ["go", "go"]


def test_a_claim_tells_the_time_that_is_left_by_the_clock_of_redis(one, redis, request_id):
    seconds, micros = redis.time()
    verdict, left = one.claim(message(request_id, expires_at=seconds + micros / 1e6 + 10))
    assert verdict == "go"
    assert 9 < left <= 10


def test_an_earlier_attempt_does_not_take_the_lease_of_a_later_one(one, other, states, request_id):
    states.announce(request_id, 2)
    assert one.claim(message(request_id, 2))[0] == "go"
    assert other.claim(message(request_id, 1))[0] == "old"
    assert other.renew([Claim(request_id, 1)]) == ["taken"]


def test_a_later_attempt_takes_the_lease_and_the_failure_of_the_earlier_tells_nothing(one, other, states, request_id):
    one.claim(message(request_id, 1))
    states.announce(request_id, 2)
    assert other.claim(message(request_id, 2))[0] == "go"
    assert one.renew([Claim(request_id, 1)]) == ["taken"]
    assert not one.finish(Claim(request_id, 1), FAILURE)
    assert other.renew([Claim(request_id, 2)]) == ["kept"]


def test_a_failure_tells_nothing_while_another_has_the_lease_of_the_same_attempt(one, other, redis, request_id):
    one.claim(message(request_id))
    redis.delete(queue_key(request_id, "lease"))  # it lapses
    assert other.claim(message(request_id))[0] == "go"
    assert not one.finish(Claim(request_id, 1), FAILURE)
    assert other.finish(Claim(request_id, 1), picture())


def test_a_picture_counts_though_its_attempt_was_given_up(one, other, states, request_id):
    one.claim(message(request_id, 1))
    states.announce(request_id, 2)
    other.claim(message(request_id, 2))
    assert one.finish(Claim(request_id, 1), picture("the first"))
    assert not other.finish(Claim(request_id, 2), picture("the second"))
    assert other.renew([Claim(request_id, 2)]) == ["taken"]
    (line,) = states.endings([request_id])
    assert line.result.prompt == "the first"


@pytest.mark.parametrize("line", [picture(), FAILURE], ids=["picture", "failure"])
def test_an_end_that_is_written_twice_is_told_once(one, redis, request_id, line):
    one.claim(message(request_id))
    assert [one.finish(Claim(request_id, 1), line) for _ in range(2)] == [True, False]
    assert redis.xlen(NEWS) == 2  # with that of the beginning


def test_a_picture_takes_the_place_of_a_failure_but_not_the_other_way_round(one, states, request_id):
    one.claim(message(request_id))
    assert one.finish(Claim(request_id, 1), FAILURE)
    assert one.finish(Claim(request_id, 1), picture())
    assert not one.finish(Claim(request_id, 1), FAILURE)
    assert isinstance(states.endings([request_id])[0], ResultLine)


def test_what_was_put_back_is_made_by_another_at_the_same_attempt(one, other, states, request_id):
    one.claim(message(request_id))
    assert other.put_back(Claim(request_id, 1)) is False
    assert one.put_back(Claim(request_id, 1))
    assert states.states([request_id])[0].status == "queued"
    assert other.claim(message(request_id))[0] == "go"
    assert not one.put_back(Claim(request_id, 1))


def test_a_lease_that_redis_forgot_is_taken_again(one, other, redis, request_id):
    one.claim(message(request_id))
    redis.flushall()
    assert one.renew([Claim(request_id, 1)]) == ["kept"]
    assert other.claim(message(request_id))[0] == "leased"


def test_renewals_tell_of_each_request_what_became_of_it(one, other, states, redis):
    claims = [Claim(uuid.uuid4().hex, 1) for _ in range(4)]
    for claim in claims:
        one.claim(message(claim.id))
    states.cancel([claims[1].id])
    one.finish(claims[2], picture())
    redis.set(queue_key(claims[3].id, "lease"), "token-other:1")
    assert one.renew(claims) == ["kept", "canceled", "taken", "taken"]


@pytest.mark.parametrize("ends_before", [False, True])
def test_a_cancelled_request_leaves_nothing_for_longer_than_a_late_delivery_may_take(
    one, states, redis, request_id, ends_before
):
    one.claim(message(request_id))
    if not ends_before:
        states.cancel([request_id])
    one.renew([Claim(request_id, 1)])
    one.finish(Claim(request_id, 1), FAILURE)
    states.cancel([request_id])
    keys = redis.keys(f"*{request_id}*")
    assert queue_key(request_id, "final").encode() in keys
    assert all(0 < redis.ttl(key) <= SETTLED_SECONDS for key in keys)


def test_a_request_that_is_settled_is_made_by_none(one, states, request_id):
    one.claim(message(request_id))
    one.finish(Claim(request_id, 1), picture())
    states.settle([request_id])
    assert one.claim(message(request_id))[0] == "final"


@pytest.fixture
def sender(redis):
    sender = ProgressSender(redis)
    sender.start()
    yield sender
    sender.stop()


def of(phase: str, preview: str | None = None) -> Progress:
    return Progress(phase=phase, message="m", preview=preview)


def test_a_preview_is_there_before_its_news_and_not_in_it(sender, redis, states):
    sender.send(Claim("a", 2), of("generating", "data:image/jpeg;base64,xylophone"))
    wait_until(lambda: redis.xlen(PROGRESS), "the news")
    ((_, fields),) = redis.xrange(PROGRESS)
    assert b'"has_preview":true' in fields[b"news"]
    assert b"xylophone" not in fields[b"news"]
    assert states.preview("a") == "data:image/jpeg;base64,xylophone"
    assert 0 < redis.ttl(queue_key("a", "preview")) <= 60


def test_the_newest_progress_is_sent_with_a_preview_that_was_before_it_and_none_after_the_end(redis):
    sender = ProgressSender(redis)
    for phase, preview in (("queued", None), ("generating", "one"), ("saving", None)):
        sender.send(Claim("a", 1), of(phase, preview))
    sender.send(Claim("ended", 1), of("saving"))
    sender.forget(Claim("ended", 1))
    sender.start()
    wait_until(lambda: redis.xlen(PROGRESS), "the news")
    sender.stop()
    assert [b'"phase":"saving"' in fields[b"news"] for _, fields in redis.xrange(PROGRESS)] == [True]
    assert redis.get(queue_key("a", "preview")) == b"one"


def test_a_redis_that_is_away_loses_progress_and_nothing_else(redis_server, redis, sender):
    redis_server.stop()
    began = time.monotonic()
    for _ in range(100):
        sender.send(Claim("a", 1), of("queued"))
    assert time.monotonic() - began < 1
    redis_server.start()

    def told() -> int:
        sender.send(Claim("a", 1), of("saving"))
        return int(redis.xlen(PROGRESS))

    wait_until(told, "progress")
