"""Webhooks from the database to real receivers: what is sent, when it is tried again, and what is recorded of it."""

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import trustme
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from image_api.jobs.database import Database
from image_api.jobs.delivery import Delivery
from image_api.jobs.endings import end_job
from image_api.jobs.errors import JobNotFound
from image_api.jobs.job import Job, NewJob
from image_api.jobs.store import JobStore
from image_api.jobs.tables import metadata
from image_api.jobs.webhooks import client, deliveries, sender
from image_api.jobs.webhooks.client import WebhookClient
from image_api.jobs.webhooks.deliveries import Deliveries, Room
from image_api.jobs.webhooks.message import Signer
from image_api.jobs.webhooks.sender import PAUSES, WebhookSender
from image_api.outbound import public_hosts
from tests.fakes.processes import free_port, wait_until
from tests.fakes.webhook_receiver import (
    SECRET,
    Receiver,
    break_off,
    drip_body,
    drip_head,
    garbage,
    hang,
    independent_signature,
    status,
)

ROOM = Room(slots=64, retries=32, per_host=4, in_flight={})


class Service:
    """Jobs with webhooks over one database, without a runner: the test ends its jobs."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = JobStore(self.database, 20_000)
        self.deliveries = Deliveries(self.database)
        self._senders: list[WebhookSender] = []

    def submit(self, webhook_url: str | None) -> Job:
        return self.store.submit(NewJob("me", {"prompt": "a boat"}, "http://api.example", webhook_url=webhook_url))[0]

    def end(self, job: Job, status: str = "completed") -> bool:
        """End a job as its runner would."""
        ended = self.database.write(lambda transaction: end_job(transaction, job, status=status))
        for each in self._senders:
            each.wake()
        return ended

    def sender(
        self, *origins: str, verify: str | None = None, secrets: tuple[str, ...] = (SECRET,), **options: Any
    ) -> WebhookSender:
        """Start a sender that may send to these origins."""
        making = WebhookClient(origins)
        making._session.verify = verify or True
        document = options.get("document", lambda job: {"job_id": str(job.id), "status": job.status})
        made = WebhookSender(self.deliveries, making, Signer(list(secrets)), document)
        made.start()
        self._senders.append(made)
        return made

    def sent(self, job: Job) -> Delivery:
        """Return a job's delivery, once it is not pending any more."""
        wait_until(lambda: self.delivery(job).status != "pending", "the end of a delivery")
        return self.delivery(job)

    def delivery(self, job: Job) -> Delivery:
        (found,) = self.deliveries.of_job(job.id)
        return found

    def close(self) -> None:
        for each in self._senders:
            each.stop()


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    made = Service(f"sqlite:///{tmp_path}/jobs.db")
    made.database.write(lambda transaction: metadata.create_all(transaction.connection))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    """Have a day's pauses pass within a second."""
    monkeypatch.setattr(sender, "PAUSES", (0.05,) * len(PAUSES))
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1.0)


def statuses(delivery: Delivery) -> list[int | None]:
    return [attempt.status_code for attempt in delivery.attempts]


@pytest.mark.parametrize("ending", ["completed", "failed", "canceled"])
def test_it_works(service, ending):
    with Receiver() as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        assert service.end(job, ending)
        (received,) = receiver.wait_for(1)
        delivery = service.sent(job)
    assert received.path == "/hook?token=private-of-the-url"
    assert received.message == {
        "type": f"job.{ending}",
        "timestamp": received.message["timestamp"],
        "data": {"job_id": str(job.id), "status": ending},
    }
    assert received.message["timestamp"].endswith("Z")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("image-generation-api/")
    assert received.headers["accept-encoding"] == "identity"
    assert "cookie" not in received.headers
    assert (delivery.message_id, delivery.type) == (received.id, f"job.{ending}")
    assert (delivery.status, delivery.host, statuses(delivery)) == ("delivered", f"127.0.0.1:{receiver.port}", [200])
    assert delivery.attempts[0].reason is None
    assert delivery.next_attempt_at is None
    assert delivery.completed_at >= delivery.created_at
    assert abs(delivery.attempts[0].at - received.at) < 10


def test_a_job_without_a_receiver_has_no_delivery(service):
    job = service.submit(None)
    service.end(job)
    assert service.deliveries.of_job(job.id) == []


def test_a_job_that_is_not_final_has_none_yet(service):
    job = service.submit("https://hook.example/")
    assert service.deliveries.of_job(job.id) == []


def test_an_unknown_job_has_none(service):
    with pytest.raises(JobNotFound):
        service.deliveries.of_job(UUID(int=1))


def test_a_job_ends_once_and_has_one_delivery(service):
    job = service.submit("https://hook.example/")
    assert service.end(job, "canceled")
    assert not service.end(job, "completed")
    assert service.delivery(job).type == "job.canceled"


def test_the_signature_is_verified_by_the_standard_s_library_and_by_hmac_alone(service):
    with Receiver(status(500), status(200)) as receiver:
        service.sender(receiver.origin)
        service.end(service.submit(receiver.url))
        for received in receiver.wait_for(2):
            assert Webhook(SECRET).verify(received.body, received.headers) == received.message
            assert received.headers["webhook-signature"] == independent_signature(received)
            assert abs(int(received.headers["webhook-timestamp"]) - received.at) < 5
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(received.body.replace(b"completed", b"failed"), received.headers)


def test_several_secrets_all_sign(service):
    other = Webhook("whsec_" + "b3RoZXI0" * 5)
    with Receiver() as receiver:
        service.sender(receiver.origin, secrets=("whsec_" + "b3RoZXI0" * 5, SECRET))
        service.end(service.submit(receiver.url))
        (received,) = receiver.wait_for(1)
    for each in (other, Webhook(SECRET)):
        assert each.verify(received.body, received.headers)
    assert len(received.headers["webhook-signature"].split(" ")) == 2


def test_text_of_any_script_arrives_as_it_is(service):
    text = "ein Böot 🚤 \u2028 \ud800 </script>\x00"
    with Receiver() as receiver:
        service.sender(receiver.origin, document=lambda job: {"prompt": text})
        service.end(service.submit(receiver.url))
        (received,) = receiver.wait_for(1)
    assert received.message["data"] == {"prompt": text}
    assert received.headers["webhook-signature"] == independent_signature(received)


def test_it_is_tried_again_until_it_is_delivered_under_one_id(service):
    with Receiver(status(500), status(503), status(204)) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        received = receiver.wait_for(3)
        delivery = service.sent(job)
    assert len({each.id for each in received}) == 1
    assert len({each.body for each in received}) == 1
    assert (delivery.status, statuses(delivery)) == ("delivered", [500, 503, 204])
    assert [attempt.reason for attempt in delivery.attempts] == [
        "The host answered HTTP 500.",
        "The host answered HTTP 503.",
        None,
    ]


def test_after_a_day_it_is_given_up(service):
    with Receiver(status(500)) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        delivery = service.sent(job)
        assert len(receiver.received) == len(PAUSES) + 1
    assert (delivery.status, statuses(delivery)) == ("failed", [500] * (len(PAUSES) + 1))
    assert service.store.get(job.id).status == "completed"


def test_the_pauses_grow_and_make_a_day():
    assert list(PAUSES) == sorted(PAUSES)
    assert 22 * 3600 < sum(PAUSES) <= 24 * 3600


def test_a_receiver_that_is_gone_gets_no_more(service):
    with Receiver(status(410)) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        delivery = service.sent(job)
        time.sleep(0.3)
        assert len(receiver.received) == 1
    assert (delivery.status, statuses(delivery)) == ("failed", [410])


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(service, code):
    with Receiver() as inside:
        with Receiver(status(code, Location=f"{inside.origin}/secret"), status(200)) as receiver:
            service.sender(receiver.origin)
            job = service.submit(receiver.url)
            service.end(job)
            delivery = service.sent(job)
        assert inside.connections == 0
    assert delivery.attempts[0].reason == f"The host answered with a redirect (HTTP {code}), which is not followed."
    assert statuses(delivery) == [code, 200]


@pytest.mark.parametrize("code", [100, 199, 300, 400, 404, 429, 500, 600, 999])
def test_only_2xx_delivers(service, code):
    with Receiver(status(code)) as receiver:
        reply = WebhookClient((receiver.origin,)).post(receiver.url, "{}", {})
    assert reply.reason


@pytest.mark.parametrize(
    ("reaction", "reason"),
    [
        (hang(), client.TOO_LATE),
        (drip_head, client.TOO_LATE),
        (break_off, client.NO_CONNECTION),
        (garbage, client.NO_CONNECTION),
    ],
)
def test_a_host_without_an_answer_is_a_failure_within_bounded_time(reaction, reason):
    with Receiver(reaction) as receiver:
        begun = time.monotonic()
        reply = WebhookClient((receiver.origin,)).post(receiver.url, "{}", {})
        assert time.monotonic() - begun < 5
    assert (reply.status_code, reply.reason) == (None, reason)


def test_a_body_without_end_is_not_read():
    with Receiver(drip_body) as receiver:
        begun = time.monotonic()
        reply = WebhookClient((receiver.origin,)).post(receiver.url, "{}", {})
        assert time.monotonic() - begun < 1
    assert (reply.status_code, reply.reason) == (200, None)


def test_nothing_of_an_answer_s_body_or_phrase_is_recorded(service):
    with Receiver(status(500, X_Words="words of the receiver")) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        receiver.wait_for(1)
        wait_until(lambda: service.delivery(job).attempts, "the record of an attempt")
    recorded = repr(service.delivery(job))
    assert "words" not in recorded
    assert "private-of-the-url" not in recorded


def test_retry_after_is_honoured_within_bounds():
    for text, seconds in (
        ("7", 7),
        ("99999999", client.MAX_RETRY_AFTER),
        ("soon", 0),
        ("-1", 0),
        ("9" * 5000, client.MAX_RETRY_AFTER),
    ):
        with Receiver(status(429, Retry_After=text)) as receiver:
            assert WebhookClient((receiver.origin,)).post(receiver.url, "{}", {}).retry_after == seconds


def test_a_retry_waits_at_least_for_retry_after(service):
    with Receiver(status(503, Retry_After="300"), status(200)) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        wait_until(lambda: service.delivery(job).attempts, "the record of an attempt")
        delivery = service.delivery(job)
        time.sleep(0.3)
        assert len(receiver.received) == 1
    assert delivery.status == "pending"
    assert delivery.next_attempt_at == pytest.approx(time.time() + 300, abs=10)


def test_a_receiver_that_is_down_is_tried_again(service):
    port = free_port()
    service.sender(f"http://127.0.0.1:{port}")
    job = service.submit(f"http://127.0.0.1:{port}/hook")
    service.end(job)
    wait_until(lambda: len(service.delivery(job).attempts) >= 2, "two attempts")
    assert {attempt.reason for attempt in service.delivery(job).attempts} == {client.NO_CONNECTION}
    with Receiver(port=port) as receiver:
        receiver.wait_for(1)
        assert service.sent(job).status == "delivered"


def test_an_origin_that_is_named_no_more_is_sent_nothing(service):
    with Receiver() as receiver:
        service.sender()
        job = service.submit(receiver.url)
        service.end(job)
        wait_until(lambda: service.delivery(job).attempts, "the record of an attempt")
        assert receiver.connections == 0
    assert service.delivery(job).attempts[0].reason == client.NO_PUBLIC_HOST


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hook.example").configure_cert(found)
    return found


@pytest.fixture
def trusted(authority, tmp_path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return str(tmp_path / "authority.pem")


@pytest.fixture
def names(monkeypatch) -> dict[str, str]:
    """Return the names that resolve to an address; the test fills it in."""
    known: dict[str, str] = {}
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any) -> Any:
        if host.endswith(".example") and host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(known.get(host, host), *more)

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return known


def test_a_public_host_is_sent_to_by_https_and_its_name(service, tls, trusted, names, monkeypatch):
    monkeypatch.setattr(public_hosts, "is_public", lambda address: address == "127.0.0.1")
    names["hook.example"] = "127.0.0.1"
    with Receiver(tls=tls) as receiver:
        service.sender(verify=trusted)
        job = service.submit(f"https://hook.example:{receiver.port}/hook")
        service.end(job)
        (received,) = receiver.wait_for(1)
        assert service.sent(job).status == "delivered"
    assert received.headers["host"] == f"hook.example:{receiver.port}"


def test_a_certificate_that_nothing_vouches_for_is_a_failure(tls, names, monkeypatch):
    monkeypatch.setattr(public_hosts, "is_public", lambda address: address == "127.0.0.1")
    names["hook.example"] = "127.0.0.1"
    with Receiver(tls=tls) as receiver:
        reply = WebhookClient(()).post(f"https://hook.example:{receiver.port}/hook", "{}", {})
        assert receiver.received == []
    assert reply.reason == client.NO_TLS


def test_one_sentence_and_no_connection_whether_a_port_inside_is_open_closed_or_its_name_leads_nowhere(names):
    names["hook.example"] = "127.0.0.1"
    with Receiver() as receiver:
        urls = [
            f"https://hook.example:{receiver.port}/",
            f"https://hook.example:{free_port()}/",
            f"https://unknown.example:{receiver.port}/",
            f"http://127.0.0.1:{receiver.port}/",
            f"https://127.0.0.1:{receiver.port}/",
        ]
        assert {WebhookClient(()).post(url, "{}", {}).reason for url in urls} == {client.NO_PUBLIC_HOST}
        assert receiver.connections == 0


def test_receivers_that_are_slow_or_down_hold_up_no_other(service, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 5.0)
    with Receiver(hang(5)) as slow, Receiver() as quick:
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
        assert time.monotonic() - begun < 4
        assert len(slow.received) == sender.MAX_PER_HOST


def test_deliveries_that_were_tried_before_leave_room_for_new_ones(service, monkeypatch):
    monkeypatch.setattr(sender, "MAX_IN_FLIGHT", 4)
    monkeypatch.setattr(sender, "MAX_RETRIES_IN_FLIGHT", 2)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 3.0)
    slow = [Receiver(status(500), hang(5)) for _ in range(6)]
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
        assert time.monotonic() - begun < 2
        for each in slow:
            each.__exit__()


def test_two_senders_send_nothing_twice(service):
    with Receiver(lambda handler: (time.sleep(0.05), status(200)(handler))) as receiver:
        jobs = [service.submit(receiver.url) for _ in range(30)]
        for _ in range(2):
            service.sender(receiver.origin)
        for job in jobs:
            service.end(job)
        for job in jobs:
            assert service.sent(job).status == "delivered"
        assert len(receiver.received) == len({each.id for each in receiver.received}) == 30


def test_what_a_killed_process_was_sending_is_sent_again_after_its_lease(service, monkeypatch):
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.5)
    with Receiver() as receiver:
        job = service.submit(receiver.url)
        service.end(job)
        assert len(service.deliveries.claim("of the killed process", ROOM)) == 1
        assert service.deliveries.claim("another", ROOM) == []
        assert service.delivery(job).next_attempt_at is None
        service.sender(receiver.origin)
        receiver.wait_for(1)
        assert service.sent(job).status == "delivered"


def test_one_that_comes_back_after_its_lease_records_nothing(service, monkeypatch):
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.0)
    job = service.submit("https://hook.example/")
    service.end(job)
    (late,) = service.deliveries.claim("late", ROOM)
    (other,) = service.deliveries.claim("other", ROOM)
    attempt = deliveries.DeliveryAttempt(time.time(), 0.1, 500, "late")
    service.deliveries.record(late.delivery, "late", attempt, "failed")
    assert (service.delivery(job).status, service.delivery(job).attempts) == ("pending", ())
    service.deliveries.record(other.delivery, "other", attempt, "delivered")
    assert service.delivery(job).status == "delivered"


def test_a_sender_that_is_stopped_begins_no_more(service):
    with Receiver() as receiver:
        service.sender(receiver.origin).stop()
        job = service.submit(receiver.url)
        service.end(job)
        time.sleep(0.5)
        assert receiver.received == []
    assert service.delivery(job).status == "pending"


def test_a_webhook_that_cannot_be_written_is_tried_again_and_not_at_once(service, caplog):
    monkeypatched: list[Callable[[Job], Any]] = [lambda job: 1 / 0]
    with Receiver() as receiver:
        service.sender(receiver.origin, document=lambda job: monkeypatched[0](job))
        job = service.submit(receiver.url)
        service.end(job)
        wait_until(lambda: service.delivery(job).attempts, "the record of an attempt")
        assert service.delivery(job).attempts[0].reason == sender.UNWRITABLE
        monkeypatched[0] = lambda job: {}
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
    import sqlite3

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


def test_ten_thousand_that_wait_for_one_host_cost_the_others_little(service, monkeypatch):
    job = service.submit(None)

    def fill(transaction: Any) -> None:
        rows = [
            {"id": UUID(int=number + 1), "job_id": job.id, "type": "job.completed", "host": "dead.example",
             "status": "pending", "attempts": [], "created_at": 1.0, "not_before": 1.0}
            for number in range(10_000)
        ]  # fmt: skip
        transaction.connection.execute(deliveries.deliveries.insert(), rows)

    service.database.write(fill)
    other = service.submit("https://hook.example/")
    service.end(other)
    begun = time.monotonic()
    full = Room(slots=10, retries=10, per_host=4, in_flight={"dead.example": 4})
    (claimed,) = service.deliveries.claim("me", full)
    assert claimed.job.id == other.id
    assert time.monotonic() - begun < 1
    assert json.dumps(claimed.delivery.message_id)
