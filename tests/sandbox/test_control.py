"""Which origins may change the scenario."""

import pytest

from sandbox.app import create_app
from sandbox.registry import STAND_INS


@pytest.fixture
def client():
    return create_app().test_client()


def test_programs_and_its_own_pages_may(client):
    assert client.post("/sandbox", json={}, base_url="http://localhost:8002").status_code == 200
    own = {"Origin": "http://localhost:8002"}
    assert client.post("/sandbox", json={}, base_url="http://localhost:8002", headers=own).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null", ""])
@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/reset", "/sandbox/expire"])
def test_another_site_s_page_may_not(client, path, origin):
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    assert client.post(path, data="{}", base_url="http://localhost:8002", headers=headers).status_code == 403


def test_an_unknown_field_is_refused_by_a_sentence_that_lists_the_known(client):
    reply = client.post("/sandbox", json={"delay": -1, "dealy": 1})
    assert reply.status_code == 400
    assert reply.json["error"].startswith("The scenario has no field dealy; it has times, painted, delay, ")
    assert reply.json["error"].endswith(".")
    assert "\n" not in reply.json["error"]
    for name in client.get("/sandbox").json:
        assert f" {name}" in reply.json["error"]


@pytest.mark.parametrize(
    ("body", "beginning"),
    [
        ("[1]", "The scenario must be a JSON object."),
        ("{", "The scenario must be a JSON object."),
        ('{"delay": -1}', "The scenario's delay cannot be played: Input should be greater than or equal to 0."),
        ('{"horde": "bogus"}', "The scenario's horde cannot be played: it is ok, "),
        ('{"imgur": "x"}', "The scenario's imgur cannot be played: Input should be 'ok'; Input should be 'ok_jpeg', "),
    ],
)
def test_what_cannot_be_played_is_refused_by_one_sentence(client, body, beginning):
    reply = client.post("/sandbox", data=body)
    assert reply.status_code == 400
    assert reply.json["error"].startswith(beginning)
    assert "pydantic" not in reply.json["error"]


@pytest.mark.parametrize("endpoint", sorted({name for each in STAND_INS.values() for name in each.faults}))
def test_what_an_endpoint_can_play_is_known(client, endpoint):
    faults = next(each.faults[endpoint] for each in STAND_INS.values() if endpoint in each.faults)
    reply = client.post("/sandbox", json={endpoint: "no_such_word"})
    assert reply.status_code == (200 if faults.takes_any else 400)
    assert faults.takes_any or all(word in reply.json["error"] for word in faults.words)
    assert [client.post("/sandbox", json={endpoint: word}).status_code for word in ("ok", *faults.words)] == [200] * (
        1 + len(faults.words)
    )
