"""A WebSocket's credential is checked at its handshake, and again with each message."""

import json

import pytest
import simple_websocket

from image_api.auth import answer_cache, hub_tokens
from tests.api.auth.conftest import ANN, OPERATOR


@pytest.fixture
def application(client):
    return client.application


def answer_to(socket: simple_websocket.Client) -> tuple[str, int | None]:
    """Return the last event that answers a message, and the status of an error."""
    socket.send(json.dumps({"prompt": "a tree"}))
    while True:
        said = json.loads(socket.receive(20))
        if said["event"] in ("result", "error"):
            return said["event"], said.get("status")


@pytest.mark.parametrize("headers", [ANN, OPERATOR], ids=["user", "operator"])
def test_a_valid_one_is_accepted(base, headers):
    socket = simple_websocket.Client(f"{base.replace('http', 'ws')}/stream/generate/txt2img", headers=headers)
    assert [answer_to(socket) for _ in range(2)] == [("result", None)] * 2
    socket.close()


@pytest.mark.parametrize(("fault", "status"), [("forbidden", 403), ("too_many", 503)])
def test_one_that_is_revoked_meanwhile_is_refused(base, hub, monkeypatch, fault, status):
    monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
    monkeypatch.setattr(answer_cache, "STALE_SECONDS", 0)
    socket = simple_websocket.Client(f"{base.replace('http', 'ws')}/stream/generate/txt2img", headers=ANN)
    assert answer_to(socket) == ("result", None)
    hub.play(fault)
    assert answer_to(socket) == ("error", status)
    socket.close()
