"""What receivers answer, and what of it delivers; and which receivers get no connection."""

import socket
import ssl
import time
from email.utils import formatdate
from typing import Any

import pytest
import trustme

from image_api.jobs.webhooks import client
from image_api.jobs.webhooks.client import WebhookClient
from image_api.outbound import public_hosts
from tests.api.webhooks.conftest import statuses
from tests.fakes.processes import free_port, wait_until
from tests.fakes.webhook_receiver import (
    Receiver,
    break_off,
    drip_body,
    drip_head,
    garbage,
    hang,
    head_without_end,
    interim_without_end,
    status,
)


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
        (garbage, client.INVALID),
        (interim_without_end, client.INVALID),
        (head_without_end, client.INVALID),
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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("99999999", client.MAX_RETRY_AFTER),
        ("9" * 5000, client.MAX_RETRY_AFTER),
        ("Fri, 31 Dec 2990 23:59:59 GMT", client.MAX_RETRY_AFTER),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Mon, 1 Jan 99999 00:00:00 GMT", 0),
        ("soon", 0),
        ("-1", 0),
        ("1e9", 0),
        ("", 0),
    ],
)
def test_retry_after_is_honoured_within_bounds(text, seconds):
    with Receiver(status(429, Retry_After=text)) as receiver:
        assert WebhookClient((receiver.origin,)).post(receiver.url, "{}", {}).retry_after == seconds


def test_retry_after_may_be_a_date():
    in_an_hour = formatdate(time.time() + 3600, usegmt=True)
    with Receiver(status(503, Retry_After=in_an_hour)) as receiver:
        assert 3500 < WebhookClient((receiver.origin,)).post(receiver.url, "{}", {}).retry_after <= 3600


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
