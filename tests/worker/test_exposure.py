"""What the worker exposes with its token, and what without."""

import pytest

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
HIDDEN = {"reasons", "memory", "last_errors", "warnings"}
BEYOND = ("0.0.0.0",)


@pytest.fixture
def guarded(client_with):
    return client_with(worker_token=TOKEN, hosts=BEYOND)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}], ids=str)
def test_without_the_token_health_shows_states_only(guarded, headers):
    answer = guarded.get("/health", headers=headers)
    assert answer.status_code == 200
    assert not HIDDEN & answer.json.keys()
    assert answer.json["status"] == "starting"
    assert answer.json["engines"]["sketch"] == {"state": "ready", "breaker": "closed"}


def test_the_token_shows_all_of_it(guarded):
    health = guarded.get("/health", headers=OPERATOR).json
    assert health.keys() >= HIDDEN
    assert health["engines"]["sketch"].keys() >= {"details"}


@pytest.mark.parametrize(
    ("hosts", "full"),
    [
        (("127.0.0.1",), True),
        (("::1",), True),
        (("::ffff:127.0.0.1",), True),
        (("/run/worker.sock",), True),
        (BEYOND, False),
        (("::",), False),
        (("127.0.0.1", "::"), False),
    ],
)
def test_without_a_token_only_loopback_is_told_all(client_with, hosts, full):
    client = client_with(hosts=hosts, engines=("replicate",))
    assert (client.get("/health").json.keys() >= HIDDEN) is full
    assert ("REPLICATE_API_TOKEN" in client.get("/health").text) is full
    assert ("REPLICATE_API_TOKEN" in client.get("/models").text) is full
    assert client.get("/metrics").status_code == (200 if full else 401)


def test_with_the_token_the_models_have_their_reasons(client_with):
    client = client_with(worker_token=TOKEN, engines=("replicate",))
    assert "REPLICATE_API_TOKEN" in client.get("/models", headers=OPERATOR).text


@pytest.mark.parametrize("path", ["/health", "/models", "/nowhere", "/metrics", "/images/x", "/generate"])
@pytest.mark.parametrize("headers", [{}, OPERATOR], ids=["stranger", "operator"])
def test_browsers_must_not_sniff_content_types(guarded, path, headers):
    answer = guarded.get(path, headers=headers)
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
