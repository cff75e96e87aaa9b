"""The sender of webhooks: receivers hold up no other, leases, locks and logs."""

import logging
import sqlite3
import threading
import time
from typing import Any
from uuid import UUID

from image_api.jobs.webhooks import client, deliveries, message, sender
from image_api.jobs.webhooks.deliveries import Room
from tests.api.webhooks.conftest import statuses
from tests.fakes.processes import free_port, wait_until
from tests.fakes.webhook_receiver import (
    SECRET,
    Receiver,
    break_off,
    garbage,
    hang,
    status,
)

ROOM = Room(slots=64, retries=32, per_host=4, in_flight={})


def test_receivers_that_are_slow_or_down_hold_up_no_other(service, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 20.0)
    with Receiver(hang(20)) as slow, Receiver() as quick:
        down = f"http://127.0.0.1:{free_port()}"
        service.sender(slow.origin, quick.origin, down)
        for _ in range(20):
            service.end(service.submit(slow.url))
            service.end(service.submit(f"{down}/hook"))
        slow.wait_for(4)
        begun = time.monotonic()
        jobs = [service.submit(quick.url) for _ in range(10)]
        for job in jobs:
            service.end(job)
        quick.wait_for(10)
        assert time.monotonic() - begun < 15
        assert len(slow.received) == sender.MAX_PER_HOST


def test_deliveries_that_were_tried_before_leave_room_for_new_ones(service, monkeypatch):
    monkeypatch.setattr(sender, "MAX_IN_FLIGHT", 4)
    monkeypatch.setattr(sender, "MAX_RETRIES_IN_FLIGHT", 2)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 20.0)
    slow = [Receiver(status(500), hang(20)) for _ in range(6)]
    with Receiver() as quick:
        for each in slow:
            each.__enter__()
        service.sender(quick.origin, *(each.origin for each in slow))
        for each in slow:
            service.end(service.submit(each.url))
        wait_until(lambda: sum(len(each.received) == 2 for each in slow) == 2, "two that are tried again")
        begun = time.monotonic()
        service.end(service.submit(quick.url))
        quick.wait_for(1)
        assert time.monotonic() - begun < 15
        for each in slow:
            each.__exit__()


def test_two_senders_send_nothing_twice(either, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 15.0)  # a busy machine is no failure, after which it is sent again
    with Receiver(lambda handler: (time.sleep(0.05), status(200)(handler))) as receiver:
        jobs = [either.submit(receiver.url) for _ in range(30)]
        for _ in range(2):
            either.sender(receiver.origin)
        for job in jobs:
            either.end(job)
        for job in jobs:
            assert either.sent(job).status == "delivered"
        assert len(receiver.received) == len({each.id for each in receiver.received}) == 30


def test_what_a_killed_process_was_sending_is_sent_again_after_its_lease(either, monkeypatch):
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.5)
    with Receiver() as receiver:
        job = either.submit(receiver.url)
        either.end(job)
        assert len(either.deliveries.claim("of the killed process", ROOM)) == 1
        assert either.deliveries.claim("another", ROOM) == []
        assert either.delivery(job).next_attempt_at is None
        either.sender(receiver.origin)
        receiver.wait_for(1)
        assert either.sent(job).status == "delivered"


def test_one_that_comes_back_after_its_lease_records_nothing(either, monkeypatch):
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.0)
    job = either.submit("https://hook.example/")
    either.end(job)
    (late,) = either.deliveries.claim("late", ROOM)
    (other,) = either.deliveries.claim("other", ROOM)
    attempt = deliveries.DeliveryAttempt(time.time(), 0.1, 500, "late")
    either.deliveries.record(late.delivery, "late", attempt, "failed")
    assert (either.delivery(job).status, either.delivery(job).attempts) == ("pending", ())
    either.deliveries.record(other.delivery, "other", attempt, "delivered")
    assert either.delivery(job).status == "delivered"


def test_a_sender_that_is_stopped_begins_no_more(service):
    with Receiver() as receiver:
        service.sender(receiver.origin).stop()
        job = service.submit(receiver.url)
        service.end(job)
        time.sleep(0.5)
        assert receiver.received == []
    assert service.delivery(job).status == "pending"


def test_a_webhook_that_cannot_be_written_is_tried_again_and_not_at_once(service, caplog, monkeypatch):
    with Receiver() as receiver:
        with monkeypatch.context() as broken:
            broken.setattr(message.JobView, "of", lambda *_: 1 / 0)
            service.sender(receiver.origin)
            job = service.submit(receiver.url)
            service.end(job)
            wait_until(lambda: service.delivery(job).attempts, "the record of an attempt")
            assert service.delivery(job).attempts[0].reason == sender.UNWRITABLE
        assert service.sent(job).status == "delivered"
    assert "private-of-the-url" not in caplog.text


def test_the_url_and_the_secret_are_in_no_log(service, caplog):
    caplog.set_level(logging.DEBUG)
    with Receiver(status(500), break_off, garbage, status(200)) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        assert service.sent(job).status == "delivered"
    assert "private-of-the-url" not in caplog.text
    assert SECRET.removeprefix("whsec_") not in caplog.text


def test_a_lock_of_the_database_only_delays_the_record(service, tmp_path):
    with Receiver(lambda handler: (locked.wait(10), status(200)(handler))) as receiver:
        locked = threading.Event()
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        receiver.wait_for(1)
        other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(3)
        other.execute("COMMIT")
        other.close()
        delivery = service.sent(job)
        assert len(receiver.received) == 1
    assert (delivery.status, statuses(delivery)) == ("delivered", [200])


def test_ten_thousand_that_wait_for_one_host_cost_the_others_little(either, monkeypatch):
    job = either.submit(None)

    def fill(transaction: Any) -> None:
        rows = [
            {"id": UUID(int=number + 1), "job_id": job.id, "type": "job.completed", "host": "dead.example",
             "status": "pending", "attempts": [], "created_at": 1.0, "not_before": 1.0}
            for number in range(10_000)
        ]  # fmt: skip
        transaction.connection.execute(deliveries.deliveries.insert(), rows)

    either.database.write(fill)
    other = either.submit("https://hook.example/")
    either.end(other)
    begun = time.monotonic()
    full = Room(slots=10, retries=10, per_host=4, in_flight={"dead.example": 4})
    (claimed,) = either.deliveries.claim("me", full)
    assert claimed.job.id == other.id
    assert time.monotonic() - begun < 1
