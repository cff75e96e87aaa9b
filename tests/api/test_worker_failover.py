"""Several render workers: what a request costs if one of them is busy, dead, hung or of another kind."""

import threading

import pytest
import requests

from image_api.admission import Waiter
from image_api.dispatch.pool import load_balancer, pooled_worker
from image_api.generation.options import GenerationOptions
from image_api.services import services_of
from tests.api.pooled import seconds_of
from tests.fakes.processes import free_port, wait_until
from tests.fakes.scripted_server import ScriptedServer
from tests.fakes.slotted_worker import SlottedWorker

BUSY = {"error": "The queue is full.", "code": "worker_busy", "retry_after": 9}


class TestRefusals:
    def test_if_one_is_busy_the_next_is_tried(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = (503, BUSY)
        assert {front.make().status_code for _ in range(4)} == {200}
        assert len(both[1].generated) == 4

    def test_if_all_are_busy_the_client_hears_it(self, workers, before):
        both = workers()
        front = before(both)
        both[0].refuses, both[1].refuses = (503, BUSY), (503, {**BUSY, "retry_after": 4})
        answer = front.make()
        assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "worker_busy", "4")

    def test_if_one_is_busy_and_the_other_dead_the_client_hears_it_soon(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[1].close()
        front.make_many(2, 2)
        both[0].refuses = (503, BUSY)
        answer = front.make()
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_busy")
        assert answer.elapsed.total_seconds() < 3

    @pytest.mark.parametrize("code", ["engine_resting", "too_slow"])
    def test_an_engine_that_is_not_asked_at_one_is_asked_at_the_other(self, workers, before, code):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = (503, {"error": "It rests.", "code": code})
        assert {front.make().status_code for _ in range(3)} == {200}

    def test_an_error_of_the_request_s_own_is_not_asked_twice(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = both[1].refuses = (422, {"error": "Refused.", "code": "content_refused"})
        assert front.make().json()["code"] == "content_refused"
        assert sum(len(worker.generated) for worker in both) == 1

    def test_one_that_does_not_accept_the_token_is_left_out(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = (401, {"error": "Wrong.", "code": "unauthorized"})
        assert {front.make().status_code for _ in range(6)} == {200}
        assert len(both[0].generated) == 1

    def test_a_worker_that_knows_no_sizes_leaves_them_to_one_that_does(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = (400, {"error": '"width" is not a parameter here.', "code": "invalid_parameter"})
        answer = front.make(width=512, height=512)
        assert (answer.status_code, answer.json().get("ignored")) == (200, None)
        assert both[1].generated[-1]["width"] == 512

    def test_if_all_are_older_the_shape_is_made(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        error = {"error": '"width" is not a parameter here.', "code": "invalid_parameter"}
        for worker in both:
            worker.refuses, worker.is_refused = (400, error), lambda asked: "width" in asked
        answer = front.make(width=512, height=512)
        assert (answer.status_code, answer.json()["ignored"]) == (200, ["height", "width"])


class TestFailover:
    def test_a_dead_one_costs_one_attempt(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].close()
        answers = [front.make() for _ in range(6)]
        assert {it.status_code for it in answers} == {200}
        assert max(it.elapsed.total_seconds() for it in answers) < 1.5
        assert len(both[1].generated) == 6

    def test_one_that_is_back_is_asked_again(self, workers, before):
        both = workers(seconds=0)
        front = before(both)
        front.warm(*both)
        both[0].close()
        assert {front.make().status_code for _ in range(3)} == {200}
        both[0].start()
        wait_until(lambda: front.make().status_code == 200 and both[0].generated, "it is asked again", 10)

    def test_a_connection_that_breaks_is_tried_at_the_same_worker(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].breaks = 1
        assert front.make().status_code == 200
        assert [it["request_id"] for it in both[0].generated] == [both[0].generated[0]["request_id"]] * 2
        assert both[1].generated == []

    def test_one_that_breaks_each_time_is_left(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].breaks = 100
        assert front.make().status_code == 200
        assert (len(both[0].generated), len(both[1].generated)) == (2, 1)
        assert both[0].generated[0]["request_id"] == both[1].generated[0]["request_id"]

    def test_one_that_dies_in_the_middle_is_left_at_once(self, workers, before):
        both = workers(seconds=0.5)
        front = before(both)
        front.warm(*both)
        both[0].breaks = 1
        death = threading.Timer(0.2, both[0].close)
        death.start()
        assert front.make().status_code == 200
        death.join()
        assert [len(worker.generated) for worker in both] == [1, 1]

    def test_a_hung_one_does_not_hold_its_requests(self, workers, before, monkeypatch):
        monkeypatch.setattr(pooled_worker, "LOOK_SECONDS", 0.1)
        monkeypatch.setattr(pooled_worker, "LOOK_TIMEOUT_SECONDS", 0.5)
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].hangs.set()
        answers = front.make_many(12, 4)
        assert {it.status_code for it in answers} == {200}
        assert max(it.elapsed.total_seconds() for it in answers) < 10
        assert len(both[1].generated) == 12
        both[0].hangs.clear()
        wait_until(lambda: both[0].cancelled, "what it had is cancelled there, lest it is paid twice")

    def test_one_that_hangs_from_the_beginning_does_not_hold_them_either(self, workers, before, monkeypatch):
        monkeypatch.setattr(load_balancer, "HELD_SECONDS", 0.5)
        both = workers()
        both[0].hangs.set()
        front = before(both)
        assert seconds_of(lambda: front.make_many(4, 4)) < 8
        assert len(both[1].generated) == 4


class TestStrangers:
    """Another service is at one of the addresses, or at all of them."""

    @pytest.fixture
    def stranger(self):
        with ScriptedServer() as server:
            server.say(200, b"{}", Content_Type="application/json")
            yield server

    def test_it_is_left_out(self, workers, before, stranger):
        (own,) = workers(1)
        front = before([stranger, own])
        assert {front.make().status_code for _ in range(4)} == {200}
        assert len(stranger.asked) <= 2

    def test_if_there_is_nothing_else_the_answer_says_so(self, before, stranger):
        front = before([stranger, SlottedWorker(port=free_port())], worker_wake_seconds=0)
        errors: list[str] = []

        def is_named() -> bool:
            errors.append(front.make().json()["error"])
            return "HTTP 200, but not as a render worker" in errors[-1]

        wait_until(is_named, "the stranger's reply within a probe's second, which a busy machine may miss")
        assert len(stranger.asked) <= 2 * len(errors)


class TestResume:
    """A request that a process sent which was ended is sent again, by another one."""

    def resumed(self, front, request_id: str, **options: object):
        generation = services_of(front.app).generation
        waiter = Waiter(request_id=request_id, repeated=True)
        return generation.generate(GenerationOptions(prompt="a tree", **options), request_id, waiter).result

    @pytest.mark.parametrize("index", [0, 1])
    def test_it_goes_to_the_worker_that_has_it(self, workers, before, index):
        both = workers()
        both[index].begun.add("an-id")
        assert self.resumed(before(both), "an-id").engine == "sketch"
        assert [len(worker.generated) for worker in both] == [1 - index, index]

    def test_it_waits_there_even_if_that_one_is_the_busier(self, workers, before):
        both = workers(slots=1, seconds=0.3)
        front = before(both)
        front.warm(*both)
        both[0].begun.add("an-id")
        asked = threading.Thread(target=front.make_many, args=(2, 2))
        asked.start()
        wait_until(lambda: both[0].running and both[1].running, "both work")
        self.resumed(front, "an-id")
        asked.join()
        assert [it["request_id"] for it in both[0].generated][-1] == "an-id"

    def test_it_goes_to_any_if_none_has_it_or_that_one_is_gone(self, workers, before):
        both = workers(asleep=(0,))
        both[0].begun.add("an-id")
        assert self.resumed(before(both), "an-id").engine == "sketch"
        assert len(both[1].generated) == 1

    def test_one_that_hangs_does_not_hold_it(self, workers, before, monkeypatch):
        monkeypatch.setattr(load_balancer, "HELD_SECONDS", 0.5)
        both = workers()
        both[0].hangs.set()
        both[1].begun.add("an-id")
        front = before(both)
        assert seconds_of(lambda: self.resumed(front, "an-id")) < 5

    def test_one_worker_alone_is_not_asked(self, workers, before):
        (own,) = workers(1)
        front = before([own])
        assert self.resumed(front, "an-id").engine == "sketch"
        assert ("GET", "/requests/an-id/known") not in own.asked


class TestCancel:
    def test_it_reaches_the_worker_that_has_the_request(self, workers, before):
        both = workers(seconds=2)
        front = before(both)
        front.warm(*both)
        asked = threading.Thread(target=front.make)
        asked.start()
        wait_until(lambda: both[0].generated, "it is being made")
        request_id = both[0].generated[0]["request_id"]
        assert requests.delete(f"{front.url}/requests/{request_id}", timeout=10).status_code == 200
        wait_until(lambda: both[0].cancelled == [request_id], "it is cancelled")
        assert both[1].cancelled == []
        asked.join()
