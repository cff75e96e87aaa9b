"""/openapi.json: valid, whole, and true."""

from openapi_spec_validator import validate

from render_worker.contract import VERSION


def test_it_works(client):
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["info"]["version"] == VERSION
    assert answer.json["servers"] == [{"url": "http://localhost"}]
    validate(answer.json)
