"""The client header counts only from the API tier, by its token."""

import itertools

import pytest

from render_worker.contract import CLIENT_HEADER, CLIENT_IN_FLIGHT_HEADER
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.generation.admission import CLIENT_IN_FLIGHT, CURRENT_CLIENT

TOKEN = "the-token"
SKETCH = {"prompt": "a lighthouse at night", "model": "sketch", "seed": 7}
numbers = itertools.count()


@pytest.fixture
def counted_as(client_with, monkeypatch):
    """Return a function that sends a request with that header, and returns the client it is counted for."""
    made = SketchEngine.generate
    seen = []

    async def generate(self, recipe, report):
        seen.append(CURRENT_CLIENT.get())
        return await made(self, recipe, report)

    monkeypatch.setattr(SketchEngine, "generate", generate)
    clients = {token: client_with(worker_token=token) for token in (TOKEN, None)}

    def ask(client, *, token=TOKEN, request_id=None):
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({} if client is None else {CLIENT_HEADER: client})
        body = {**SKETCH, "request_id": request_id or f"id-{next(numbers)}"}
        answer = clients[token].post("/generate", json=body, headers=headers)
        assert answer.status_code == 200
        return seen[-1], len(seen)

    return ask


def test_it_works(counted_as, caplog):
    caplog.set_level("DEBUG")
    assert counted_as("0f3a9-Z")[0] == "0f3a9-Z"
    assert counted_as(None)[0] is None  # in the same thread
    assert "0f3a9" not in caplog.text


def test_without_the_token_the_header_is_ignored(counted_as):
    assert counted_as("0f3a9", token=None)[0] is None


@pytest.mark.parametrize("client", ["", "a b", "a" * 65, "ä", "a,b", "../x"])
def test_an_invalid_id_is_ignored(counted_as, client):
    assert counted_as(client)[0] is None


def test_a_retry_is_known_by_its_id_from_any_client(counted_as):
    before = counted_as("first", request_id="one")[1]
    assert counted_as("second", request_id="one") == ("first", before)


@pytest.mark.parametrize(
    ("client", "sent", "told"),
    [("a", "7", 7), ("a", "0", 0), ("a", "-1", 0), ("a", "x", 0), ("a", "9" * 7, 0), ("a", None, 0), (None, "7", 0)],
)
def test_how_many_the_client_has_in_flight_is_taken_of_the_same_request_alone(
    client_with, monkeypatch, client, sent, told
):
    made, seen = SketchEngine.generate, []

    async def generate(self, recipe, report):
        seen.append(CLIENT_IN_FLIGHT.get())
        return await made(self, recipe, report)

    monkeypatch.setattr(SketchEngine, "generate", generate)
    worker = client_with(worker_token=TOKEN)
    for headers in (
        {CLIENT_HEADER: "other", CLIENT_IN_FLIGHT_HEADER: "5"},
        {CLIENT_HEADER: client, CLIENT_IN_FLIGHT_HEADER: sent},
    ):
        given = {name: value for name, value in headers.items() if value is not None}
        body = {**SKETCH, "request_id": f"id-{next(numbers)}"}
        assert (
            worker.post("/generate", json=body, headers={"Authorization": f"Bearer {TOKEN}", **given}).status_code
            == 200
        )
    assert seen == [5, told]
