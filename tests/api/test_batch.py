"""Several pictures of one request: side by side as far as there are slots, and the rest after them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.api.conftest import RESULT
from tests.fakes.busy_worker import BUSY, SECONDS
from tests.fakes.processes import wait_until

REFUSED = {"success": False, "error": "The service refused this prompt.", "code": "content_refused"}
BAD = {"success": False, "error": "guidance_scale cannot be honoured by sketch.", "code": "invalid_parameter"}


def test_ten_are_made_side_by_side_without_coalescing(ai, worker):
    together = threading.Barrier(10)
    worker.say(200, RESULT, before=lambda: together.wait(30))
    assert len(ai.images.generate(prompt="a tree", n=10).data) == 10
    asked = worker.asked_to_make()
    assert len({one["request_id"] for one in asked}) == 10  # the worker makes one picture for one id
    assert [one["seed"] for one in asked] == [-1] * 10


@pytest.mark.parametrize(("slots", "count"), [(1, 4), (3, 10)])
def test_what_the_worker_has_no_slot_for_is_made_afterwards(ai_before, busy, slots, count):
    worker = busy(slots)
    answer = ai_before(worker).images.generate(prompt="a tree", n=count)
    assert len(answer.data) == count
    assert not hasattr(answer, "failed")
    assert (worker.made, worker.most) == (count, slots)


@pytest.mark.parametrize("slots", [1, 3])
def test_what_this_tier_has_no_slot_for_is_made_afterwards(ai_before, busy, slots):
    worker = busy(10)
    answer = ai_before(worker, max_generations=slots).images.generate(prompt="a tree", n=5)
    assert len(answer.data) == 5
    assert worker.most == slots


def test_a_seed_counts_up_in_the_order_of_the_pictures(ai_before, busy):
    worker = busy(2)
    worker.reply = lambda _: (200, RESULT)
    ai_before(worker).images.generate(prompt="a tree", n=5, extra_body={"seed": 40})
    assert sorted({one["seed"] for one in worker.asked}) == [40, 41, 42, 43, 44]


def test_pictures_are_in_the_order_of_their_seeds_whichever_ends_first(ai_before, busy):
    worker = busy(3)
    worker.seconds = lambda asked: (43 - asked["seed"]) * SECONDS
    answer = ai_before(worker).images.generate(prompt="a tree", n=3, extra_body={"seed": 40})
    assert [it.seed for it in answer.data] == [40, 41, 42]


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_those_made_are_returned_if_others_fail(ai_before, busy, caplog, response_format):
    worker = busy(10)
    worker.reply = lambda number: (422, REFUSED) if number in (2, 5) else (200, RESULT)
    answer = ai_before(worker).images.generate(
        prompt="a tree", n=5, response_format=response_format, extra_body={"seed": 40}
    )
    assert [bool(it.url or it.b64_json) for it in answer.data] == [True] * 3
    failure = {"message": REFUSED["error"], "type": "invalid_request_error", "param": None, "code": "content_refused"}
    places = [seed - 40 for seed in range(40, 45) if seed not in [it.seed for it in answer.data]]
    assert answer.failed == [{"index": place, **failure} for place in places]
    [line] = [it.getMessage() for it in caplog.records if it.name == "image_api.web.batch"]
    assert line.endswith(": 2 of 5 pictures failed: content_refused")


def test_a_failure_frees_its_slot_for_the_rest(ai_before, busy):
    worker = busy(1)
    worker.reply = lambda number: (422, REFUSED) if number == 1 else (200, RESULT)
    answer = ai_before(worker).images.generate(prompt="a tree", n=3)
    assert (len(answer.data), len(answer.failed)) == (2, 1)


def test_a_breaker_that_closes_with_the_first_picture_takes_the_rest(ai_before, busy):
    worker = busy(10)
    resting = {**BUSY, "code": "engine_resting"}
    closed = threading.Event()

    def reply(number: int) -> tuple[int, dict]:  # half-open: one trial, and the others are refused
        if number == 1:
            closed.set()
            return 200, RESULT
        return (200, RESULT) if closed.is_set() and number > 5 else (503, resting)

    worker.reply = reply
    worker.seconds = lambda asked: 0.3 if not worker.made > 1 else 0.05
    answer = ai_before(worker).images.generate(prompt="a tree", n=5)
    assert (len(answer.data), worker.made) == (5, 9)


def test_a_breaker_that_stays_open_is_tried_once(ai_before, busy):
    worker = busy(10)
    worker.reply = lambda _: (503, {**BUSY, "code": "engine_resting"})
    with pytest.raises(openai.InternalServerError) as refused:
        ai_before(worker).images.generate(prompt="a tree", n=3)
    assert (refused.value.code, worker.made) == ("engine_resting", 3)


def test_bytes_that_cannot_be_read_fail_alone(ai_before, busy):
    worker = busy(10)
    elsewhere = {**RESULT, "image_url": "http://10.0.0.1/x.png"}
    worker.reply = lambda number: (200, elsewhere if number == 1 else RESULT)
    answer = ai_before(worker).images.generate(
        prompt="a tree", n=2, response_format="b64_json", extra_body={"seed": 40}
    )
    [made], [failed] = answer.data, answer.failed
    assert (failed["code"], failed["index"]) == ("picture_unavailable", 41 - made.seed)


def test_if_all_fail_the_first_error_is_the_answer(ai_before, busy):
    worker = busy(1)
    worker.reply = lambda number: (422, REFUSED) if number == 1 else (502, {**BUSY, "code": "engine_failed"})
    with pytest.raises(openai.UnprocessableEntityError) as failed:
        ai_before(worker).images.generate(prompt="a tree", n=3)
    assert (failed.value.code, worker.made) == ("content_refused", 3)


def test_a_worker_that_is_busy_with_others_refuses_them_all(ai_before, busy):
    worker = busy(0)
    with pytest.raises(openai.InternalServerError) as refused:
        ai_before(worker).images.generate(prompt="a tree", n=10)
    assert (refused.value.status_code, refused.value.code) == (503, "worker_busy")
    assert refused.value.response.headers["Retry-After"] == "7"
    assert len(worker.asked) == 10


def test_a_bad_parameter_is_told_at_once(ai_before, busy):
    worker = busy(1)
    worker.reply = lambda _: (400, BAD)
    with pytest.raises(openai.BadRequestError) as refused:
        ai_before(worker).images.generate(prompt="a tree", n=10)
    assert refused.value.param == "guidance_scale"
    assert len(worker.asked) <= 10  # none is begun again


def test_all_of_them_have_one_deadline(ai_before, busy):
    worker = busy(1)
    begun = time.monotonic()
    answer = ai_before(worker, request_timeout_seconds=0.5).images.generate(prompt="a tree", n=10)
    assert time.monotonic() - begun < 5
    assert 1 <= len(answer.data) < 10
    assert len(answer.data) + len(answer.failed) == 10
    assert {it["code"] for it in answer.failed} <= {"timeout", "worker_busy"}


def test_a_picture_whose_slot_another_client_needs_fails_alone(ai_before, busy):
    worker = busy(10)
    worker.seconds = lambda asked: 5 * SECONDS
    ai = ai_before(worker, max_generations=2, trusted_proxies="loopback")
    one, other = (ai.with_options(default_headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in (1, 2))
    with ThreadPoolExecutor() as clients:
        pending = clients.submit(one.images.generate, prompt="a tree", n=4)
        wait_until(lambda: worker.running == 2, "two pictures in flight")
        assert len(other.images.generate(prompt="a tree").data) == 1
        answer = pending.result()
    assert (len(answer.data), [it["code"] for it in answer.failed]) == (3, ["service_busy"])
    assert "needed the place" in answer.failed[0]["message"]
