"""Cancellation of a request for several pictures: all that are not made yet."""

import threading

import requests
from flask import g

from image_api.dispatch import worker_client
from image_api.dispatch.cancellation_sender import MAX_WAITING, SENDERS, CancellationSender
from image_api.errors import Relayed
from image_api.services import services
from image_api.web import sheet
from image_api.web.batch import Batch
from tests.api.conftest import RESULT
from tests.api.test_cancel import (
    DONE,
    NDJSON,
    SEEDED,
    STARTING,
    base,
    cancel,
    id_of,
    is_cancelled,
    last_event,
    make_slowly,
    slow,
    stream,
    told,
)
from tests.fakes.processes import wait_until

__all__ = ["base", "slow"]  # fixtures


def test_all_pictures_of_a_request_end(base, worker, slow):
    with stream(base, "/generate?prompt=a&seed=7&n=4") as response:
        wait_until(lambda: len(worker.asked_to_make()) == 4, "all have begun")
        assert cancel(base, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    wait_until(lambda: sorted(told(worker)) == [f"{id_of(response)}-{number}" for number in range(1, 5)], "all", 5)


def test_a_picture_that_another_request_waits_for_goes_on(base, worker, slow):
    with stream(base, "/generate?prompt=a&seed=7&n=2") as both, stream(base) as one:
        wait_until(lambda: len(worker.asked_to_make()) == 2, "both have begun")
        assert cancel(base, id_of(both)) == (200, "left")
        slow.set()
        assert last_event(one)[0] == "result"
        assert is_cancelled(both)
    wait_until(lambda: told(worker) == [f"{id_of(both)}-2"], "the worker is told of the second")


def test_those_made_stay_delivered(base, worker, slow):
    worker.say(200, RESULT)
    assert requests.get(base + SEEDED, timeout=20).ok
    make_slowly(worker, slow)
    with stream(base, "/generate?prompt=a&seed=7&n=2") as response:
        wait_until(lambda: len(worker.asked_to_make()) == 2, "the second has begun")
        assert cancel(base, id_of(response)) == (200, "cancelled")
        name, data = last_event(response)
    assert (name, [it["index"] for it in data["images"]]) == ("result", [0])
    assert [(it["index"], it["code"]) for it in data["failed"]] == [(1, "cancelled")]


def test_none_of_them_is_begun_that_waits_for_a_slot(base, worker, slow):
    busy = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}

    def begin() -> None:
        if len(worker.asked_to_make()) >= 1:
            worker.say(503, busy)

    worker.say(200, (STARTING, lambda: slow.wait(15), DONE), before=begin, Content_Type=NDJSON)
    with stream(base, "/generate?prompt=a&seed=7&n=4") as response:
        wait_until(lambda: len(worker.asked_to_make()) == 4, "all were tried")
        cancel(base, id_of(response))
        assert is_cancelled(response)
    assert len(worker.asked_to_make()) == 4


def test_openai_s_stream_ends_too(base, worker, slow):
    body = {"prompt": "a", "n": 2, "stream": True, "partial_images": 1}
    with requests.post(f"{base}/v1/images/generations", json=body, stream=True, timeout=20) as response:
        wait_until(lambda: len(worker.asked_to_make()) == 2, "both have begun")
        assert cancel(base, id_of(response)) == (200, "cancelled")
        name, data = last_event(response)
    assert (name, data["error"]["code"]) == ("error", "cancelled")
    wait_until(lambda: len(told(worker)) == 2, "the worker is told", 5)


def test_a_sheet_s_second_try_is_cancelled_too(client, worker, monkeypatch):
    class Late(Batch):
        def outcomes(self):
            try:
                yield from super().outcomes()
            except Relayed:  # the refusal of the seed
                services().generation.cancellations.cancel(g.request_id)
                raise

    monkeypatch.setattr(sheet, "Batch", Late)
    refusal = {"success": False, "error": "seed cannot be honoured by seedless.", "code": "invalid_parameter"}
    worker.say(400, refusal)
    answer = client.get("/sheet?prompt=a")
    assert (answer.status_code, answer.json["code"]) == (409, "cancelled")
    assert len(worker.asked_to_make()) <= 4


def test_a_worker_that_hangs_gets_few_at_a_time(base, worker, slow, monkeypatch):
    monkeypatch.setattr(worker_client, "CANCEL_SECONDS", 30)
    worker.say_to("/requests/", 204, b"", before=lambda: slow.wait(20))
    for number in range(5):
        with stream(base, f"/generate?prompt={number}&seed=7&n=4") as response:
            assert cancel(base, id_of(response)) == (200, "cancelled")
            assert is_cancelled(response)
    wait_until(lambda: len(told(worker)) >= SENDERS, "the worker is told of the first")
    assert len(told(worker)) == SENDERS
    slow.set()
    wait_until(lambda: len(set(told(worker))) > 3 * SENDERS, "the worker is told of the others")


def test_of_too_many_the_oldest_is_not_told():
    release, sent = threading.Event(), []

    def send(request_id: str) -> None:
        release.wait(10)
        sent.append(request_id)

    sender = CancellationSender(send)
    ids = [str(number) for number in range(MAX_WAITING + SENDERS + 1)]
    for request_id in ids[:SENDERS]:
        sender.add(request_id)
    wait_until(lambda: not sender._waiting, "all senders have one")
    for request_id in ids[SENDERS:]:
        sender.add(request_id)
    release.set()
    wait_until(lambda: len(sent) == MAX_WAITING + SENDERS, "the others are sent", 10)
    assert set(ids) - set(sent) == {ids[SENDERS]}
