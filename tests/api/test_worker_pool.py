"""Several render workers: which of them makes a picture, and which is woken for it."""

import threading
from collections import Counter

import pytest
import requests

from image_api.dispatch.recent_contact import RECENT_SECONDS
from image_api.settings import Settings
from tests.api.pooled import Front, seconds_of
from tests.fakes.processes import wait_until


def pooled(front: Front, index: int):
    """Return one of the pool's workers."""
    return front.pool.workers[index]


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("https://a.example,https://b.example", ("https://a.example", "https://b.example")),
            (" a.example , worker:8001 ,", ("https://a.example", "http://worker:8001")),
            ("https://a.example/,https://A.example:443", ("https://a.example",)),
            (",,", ()),
            ("http://a,http://a:81,http://a/x", ("http://a", "http://a:81", "http://a/x")),
        ],
    )
    def test_they_are_normalised_and_each_counts_once(self, given, used):
        assert Settings(perchance_worker_url=given).worker_urls == used

    @pytest.mark.parametrize("given", ["https://a,ftp://b", "https://a,https://b c", "https://a,https://b:0"])
    def test_a_wrong_one_is_refused_by_its_number(self, given):
        with pytest.raises(ValueError, match=r"number 2 of its addresses must be an address like https://"):
            Settings(perchance_worker_url=given)

    def test_too_many_are_refused(self):
        with pytest.raises(ValueError, match="at most 100 render workers"):
            Settings(perchance_worker_url=",".join(f"http://worker-{number}" for number in range(101)))


class TestChoice:
    def test_it_works(self, workers, before):
        both = workers()
        front = before(both)
        assert front.make().status_code == 200
        assert [len(worker.generated) for worker in both] == [1, 0]

    def test_equally_busy_ones_share_evenly(self, workers, before):
        both = workers(slots=4)
        front = before(both)
        front.warm(*both)
        assert {it.status_code for it in front.make_many(40)} == {200}
        assert abs(len(both[0].generated) - len(both[1].generated)) <= 2

    @pytest.mark.parametrize("index", [0, 1])
    def test_of_equally_busy_ones_that_is_chosen_which_has_the_model_loaded(self, workers, before, index):
        both = workers(seconds=0, models=("sd-1-5",))
        for number, worker in enumerate(both):
            worker.loaded = ("sd-1-5",) if number == index else ()
        front = before(both)
        front.warm(*both)
        for number in range(6):
            assert front.make(f"tree {number}", model="sd-1-5").status_code == 200
        assert [len(worker.generated) for worker in both] == ([6, 0] if index == 0 else [0, 6])

    def test_a_busier_one_is_not_chosen_for_that(self, workers, before):
        both = workers(slots=4, models=("sd-1-5",))
        both[0].loaded, both[1].loaded = ("sd-1-5",), ()
        front = before(both)
        front.warm(*both)
        assert {it.status_code for it in front.make_many(16, model="sd-1-5")} == {200}
        assert len(both[1].generated) >= 4

    def test_one_request_after_the_other_is_shared_as_well(self, workers, before):
        both = workers(seconds=0)
        front = before(both)
        front.warm(*both)
        assert {front.make().status_code for _ in range(10)} == {200}
        assert [len(worker.generated) for worker in both] == [5, 5]

    def test_one_that_others_keep_busy_gets_less(self, workers, before):
        both = workers(slots=4, seconds=1.0)
        front = before(both)
        front.warm(*both)
        body = {"prompt": "another API tier's", "request_id": "-", "timeout_seconds": 60}
        others = [
            threading.Thread(target=requests.post, args=(f"{both[0].url}/generate",), kwargs={"json": body})
            for _ in range(8)
        ]
        for other in others:
            other.start()
        wait_until(lambda: both[0].running == 4, "the others run")
        front.make_many(2, 2)  # with the first one it looks
        both[1].generated.clear()
        both[0].generated.clear()
        front.make_many(6, 6)
        assert len(both[1].generated) > len(both[0].generated)
        for other in others:
            other.join()

    def test_a_worker_with_more_slots_gets_more(self, workers, before):
        both = workers(slots=2, seconds=0.2)
        both[1].slots = 6
        front = before(both)
        front.warm(*both)
        front.make_many(8, 8)
        wait_until(lambda: pooled(front, 1)._slots == 6, "the slots are known")
        for worker in both:
            worker.generated.clear()
            worker.seconds = 2.0  # all eight come before the first one ends
        front.make_many(8, 8)
        assert (len(both[0].generated), len(both[1].generated)) == (2, 6)

    def test_four_carry_what_one_cannot(self, workers, before):
        four = workers(4, slots=1, queue=0, seconds=2.0)  # all come before the first one ends
        front = before(four)
        assert {it.status_code for it in front.make_many(4, 4)} == {200}
        assert [worker.most for worker in four] == [1, 1, 1, 1]

    def test_one_that_was_loading_is_asked_last_and_within_seconds_again(self, workers, before):
        both = workers()
        both[0].loading = True
        front = before(both)
        front.warm(*both)
        assert not pooled(front, 0).is_fit("sketch")
        assert front.make().status_code == 200
        assert [len(worker.generated) for worker in both] == [0, 1]
        both[0].loading = False
        wait_until(lambda: pooled(front, 0).is_fit("sketch"), "it may be asked", seconds=RECENT_SECONDS / 2)

    def test_one_that_is_not_ready_is_asked_last(self, workers, before):
        both = workers()
        both[0].ready = False
        front = before(both)
        front.warm(*both)
        assert front.make().status_code == 200
        assert [len(worker.generated) for worker in both] == [0, 1]

    def test_one_that_fails_at_once_does_not_attract_all(self, workers, before):
        both = workers(seconds=0)
        both[0].refuses = (502, {"error": "It failed.", "code": "engine_failed"})
        front = before(both)
        front.warm(*both)
        found = Counter(front.make().status_code for _ in range(10))
        assert found[200] >= 9, found


class TestSleep:
    def test_one_that_sleeps_is_not_woken_while_another_has_room(self, workers, before):
        both = workers(asleep=(1,), slots=4)
        front = before(both)
        assert {it.status_code for it in front.make_many(12, 3)} == {200}
        both[1].start()
        assert {it.status_code for it in front.make_many(12, 3)} == {200}
        for path in ("/health", "/ready", "/status", "/models", "/wake"):
            front.get(path)
        assert [path for _, path in both[1].asked] == ["/models"]  # once, as nothing is known of its models

    def test_it_is_woken_when_the_other_is_full(self, workers, before):
        both = workers(slots=1, queue=0, seconds=0.5)
        front = before(both)
        front.warm(both[0])
        assert {it.status_code for it in front.make_many(2, 2)} == {200}
        assert [worker.most for worker in both] == [1, 1]

    def test_a_request_waits_for_it_if_the_other_refuses_it(self, workers, before, monkeypatch):
        both = workers(asleep=(1,), slots=1, queue=0, seconds=2.0)
        front = before(both)
        front.warm(both[0])
        late = threading.Timer(0.7, both[1].start)
        late.start()
        assert {it.status_code for it in front.make_many(2, 2)} == {200}
        late.join()
        assert len(both[1].generated) == 1

    def test_a_full_one_is_asked_again_while_another_does_not_come_up(self, workers, before):
        both = workers(asleep=(1,), slots=1, queue=0, seconds=1.0)
        front = before(both)
        front.warm(both[0])
        assert {it.status_code for it in front.make_many(2, 2)} == {200}
        assert both[0].most == 1

    def test_a_queue_is_not_left_for_one_that_has_to_be_woken(self, workers, before):
        both = workers(asleep=(1,), slots=1, queue=5, seconds=0.3)
        front = before(both)
        front.warm(both[0])
        assert seconds_of(lambda: front.make_many(3, 3)) < 3
        assert len(both[0].generated) == 3

    def test_if_all_sleep_the_first_is_woken(self, workers, before):
        both = workers(asleep=(0, 1))
        front = before(both)
        late = threading.Timer(0.5, both[1].start)
        late.start()
        assert front.make().status_code == 200
        late.join()

    def test_if_none_comes_up_the_answer_is_as_of_one(self, workers, before):
        front = before(workers(asleep=(0, 1)), worker_wake_seconds=1.5)
        answer = front.make()
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")
        assert answer.json()["error"].startswith("The render worker cannot be reached (NewConnectionError).")
        assert answer.headers["Retry-After"] == "30"

    def test_without_a_budget_each_is_tried_once(self, workers, before):
        both = workers(asleep=(0,))
        front = before(both, worker_wake_seconds=0)
        assert front.make().status_code == 200
        both[1].close()
        assert seconds_of(lambda: front.make()) < 5
        assert front.make().status_code == 503

    def test_a_stream_tells_that_none_answers_though_none_sleeps(self, workers, before):
        both = workers()
        front = before(both, worker_wake_seconds=2)
        front.warm(*both)
        for each in both:
            each.close()
        events = requests.get(
            f"{front.url}/generate?prompt=a", headers={"Accept": "text/event-stream"}, timeout=30
        ).text
        assert "The render worker does not answer" in events
        assert "woken up" not in events
        assert "expected_seconds" not in events
        assert events.count("Asking again for 2 seconds did not help.") == 1

    def test_a_stream_tells_of_the_cold_start(self, workers, before):
        both = workers(asleep=(0, 1))
        front = before(both)
        late = threading.Timer(1, both[1].start)
        late.start()
        events = requests.get(
            f"{front.url}/generate?prompt=a", headers={"Accept": "text/event-stream"}, timeout=30
        ).text
        late.join()
        assert '"phase":"waking"' in events.replace(" ", "")
        assert "image_url" in events
