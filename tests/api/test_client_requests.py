"""What a dispatch knows of clients' requests, and what it tells a render worker of them."""

import pytest

from image_api.dispatch.client_requests import HELD_SECONDS, MAX_REFUSED, ClientRequests
from render_worker.contract import CLIENT_HEADER, CLIENT_IN_FLIGHT_HEADER
from render_worker.serving.deadline import Deadline


def test_the_worker_is_told_how_many_a_client_has_in_flight():
    requests = ClientRequests()
    with requests.headers("a") as first, requests.headers("a") as second, requests.headers("b") as other:
        assert first == {CLIENT_HEADER: "a", CLIENT_IN_FLIGHT_HEADER: "1"}
        assert [it[CLIENT_IN_FLIGHT_HEADER] for it in (second, other)] == ["2", "1"]
    with requests.headers("a") as again:
        assert again[CLIENT_IN_FLIGHT_HEADER] == "1"
    with requests.headers(None) as none:
        assert none == {}


def test_it_counts_no_request_that_failed():
    requests = ClientRequests()
    with pytest.raises(ZeroDivisionError), requests.headers("a"):
        raise ZeroDivisionError
    assert not requests._in_flight


def test_a_refusal_is_held_back_of_a_client_that_tries_again_at_once(monkeypatch):
    now, held = 0.0, []
    requests = ClientRequests(lambda: now)
    monkeypatch.setattr("time.sleep", lambda seconds: held.append((seconds, requests._in_flight["a"])))
    for client in ("a", "b", None, None):
        requests.hold_back(client, Deadline.after(60))
    assert held == []
    requests.hold_back("a", Deadline.after(60))
    assert held == [(HELD_SECONDS, 1)]
    assert not requests._in_flight
    requests.hold_back("a", Deadline.after(0))
    assert held[1:] == [(0, 1)]
    now = 10.0
    requests.hold_back("a", Deadline.after(60))
    assert len(held) == 2


def test_few_refused_clients_are_known():
    requests = ClientRequests(lambda: 0.0)
    for number in range(MAX_REFUSED + 1):
        requests.hold_back(str(number), Deadline.after(0))
    assert len(requests._refused) == MAX_REFUSED
    assert "0" not in requests._refused
