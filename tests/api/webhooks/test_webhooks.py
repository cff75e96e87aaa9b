"""Webhooks from the database to real receivers: what is sent, when it is tried again, and what is recorded of it."""

import time
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from image_api.jobs.errors import JobNotFound
from image_api.jobs.job_json import JobView
from image_api.jobs.webhooks import client, sender
from image_api.jobs.webhooks.sender import PAUSES
from tests.api.webhooks.conftest import statuses
from tests.fakes.processes import free_port, wait_until
from tests.fakes.webhook_receiver import (
    SECRET,
    Receiver,
    independent_signature,
    status,
)


@pytest.mark.parametrize("ending", ["completed", "failed", "canceled"])
def test_it_works(either, ending):
    with Receiver() as receiver:
        either.sender(receiver.origin)
        job = either.submit(receiver.url)
        assert either.end(job, ending)
        (received,) = receiver.wait_for(1)
        delivery = either.sent(job)
    assert received.path == "/hook?token=private-of-the-url"
    assert received.message == {
        "type": f"job.{ending}",
        "timestamp": received.message["timestamp"],
        "data": JobView.of(either.store.get(job.id), "http://api.example", "/api/v1").model_dump(exclude_none=True),
    }
    assert received.message["data"]["status"] == ending
    assert received.message["data"]["links"]["status"] == f"http://api.example/api/v1/status/{job.id}"
    assert "private-of-the-url" not in received.body.decode()
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


@pytest.mark.parametrize("simulated", [True, False])
def test_it_is_marked_if_the_outside_world_is_simulated(service, simulated):
    with Receiver() as receiver:
        service.sender(receiver.origin, simulated=simulated)
        service.end(service.submit(receiver.url))
        (received,) = receiver.wait_for(1)
    assert received.message["data"].get("simulated") == (True if simulated else None)


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


def test_a_job_ends_once_and_has_one_delivery(either):
    job = either.submit("https://hook.example/")
    assert either.end(job, "canceled")
    assert not either.end(job, "completed")
    assert either.delivery(job).type == "job.canceled"


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
    text = "ein Böot 🚤 \u2028 </script>\x00"
    with Receiver() as receiver:
        service.sender(receiver.origin)
        service.end(service.submit(receiver.url, prompt=text))
        (received,) = receiver.wait_for(1)
    assert received.message["data"]["prompt"] == text
    assert received.headers["webhook-signature"] == independent_signature(received)


def test_it_is_tried_again_until_it_is_delivered_under_one_id(either):
    with Receiver(status(500), status(503), status(204)) as receiver:
        either.sender(receiver.origin)
        job = either.submit(receiver.url)
        either.end(job)
        received = receiver.wait_for(3)
        delivery = either.sent(job)
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


def test_a_receiver_that_stretches_the_pauses_does_not_stretch_the_day(service, monkeypatch):
    monkeypatch.setattr(sender, "GIVE_UP_SECONDS", 2)
    with Receiver(status(503, Retry_After="1")) as receiver:
        service.sender(receiver.origin)
        job = service.submit(receiver.url)
        service.end(job)
        delivery = service.sent(job)
    assert delivery.status == "failed"
    assert 2 <= len(delivery.attempts) <= 3
    assert delivery.attempts[-1].at - delivery.attempts[0].at >= 2


def test_the_pauses_grow_and_make_a_day():
    assert list(PAUSES) == sorted(PAUSES)
    assert 22 * 3600 < sum(PAUSES) <= 24 * 3600


def test_a_receiver_that_is_gone_gets_no_more(either):
    with Receiver(status(410)) as receiver:
        either.sender(receiver.origin)
        job = either.submit(receiver.url)
        either.end(job)
        delivery = either.sent(job)
        time.sleep(0.3)
        assert len(receiver.received) == 1
    assert (delivery.status, statuses(delivery)) == ("failed", [410])


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
