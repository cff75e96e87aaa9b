"""`nsfw`: true, false or null in every response about a picture that was made."""

import json

import pytest
import simple_websocket

from image_api.web.openapi.document import document
from tests.api.conftest import RESULT
from tests.api.jobs.conftest import ended

EVENTS = {"Accept": "text/event-stream"}
OPINIONS = pytest.mark.parametrize("nsfw", [True, False, None])
REFUSED = {"success": False, "error": "It is not safe for work.", "code": "nsfw_refused", "hint": "Change the prompt."}


def said(text: str, event: str) -> list[dict]:
    parts = [part.split("\n") for part in text.split("\n\n")]
    return [
        json.loads(line.removeprefix("data: "))
        for lines in parts
        if f"event: {event}" in lines
        for line in lines
        if line.startswith("data: ")
    ]


@OPINIONS
def test_every_json_has_it(client, worker, keeps, nsfw):
    keeps(nsfw=nsfw)
    several = client.get("/generate?prompt=a&n=2").json
    bodies = [
        client.get("/generate?prompt=a&seed=7").json,
        client.get("/generate?prompt=a&seed=7").json,  # cached
        client.get("/generate?prompt=a&response_format=b64_json").json,
        client.post("/v1/images/generate", json={"prompt": "a"}).json,
        client.post("/v1/txt2img", json={"prompt": "a"}).json,
        *client.post("/v1/txt2img", json={"prompt": "a"}).json["pictures"],
        client.get("/sheet.json?prompt=a&seed=7").json,
        *client.get("/sheet.json?prompt=a&seed=7").json["images"],
        several,
        *several["images"],
        *said(client.get("/generate?prompt=a", headers=EVENTS).get_data(as_text=True), "result"),
        *said(client.get("/generate?prompt=a&n=2", headers=EVENTS).get_data(as_text=True), "picture"),
    ]
    assert [body["nsfw"] for body in bodies] == [nsfw] * len(bodies)
    assert len(bodies) >= 17


@OPINIONS
def test_the_websocket_has_it(base, keeps, nsfw):
    keeps(nsfw=nsfw)
    socket = simple_websocket.Client(f"{base.replace('http', 'ws')}/stream/generate/txt2img")
    socket.send(json.dumps({"prompt": "a"}))
    message = json.loads(socket.receive(20))
    while message["event"] != "result":
        message = json.loads(socket.receive(20))
    socket.close()
    assert message["result"]["nsfw"] is nsfw


@OPINIONS
def test_a_job_s_pictures_have_it(client, worker, nsfw):
    worker.say(200, {**RESULT, "nsfw": nsfw})
    job = client.post("/api/v1/generate", json={"prompt": "a"}).json
    assert [it["nsfw"] for it in ended(client, job["job_id"])["images"]] == [nsfw]


def test_a_refused_picture_is_an_error_of_its_own(client, worker):
    worker.say(422, REFUSED)
    answer = client.get("/generate?prompt=a&seed=7")
    assert (answer.status_code, answer.json["code"], answer.json["hint"]) == (422, "nsfw_refused", REFUSED["hint"])
    worker.say(200, RESULT)
    assert client.get("/generate?prompt=a&seed=7").headers["X-Cache"] == "MISS"


def test_the_document_says_that_it_is_always_there_and_may_be_null(application):
    for name in ("GenerateResult", "IndexedResult", "PicturesResult", "StyledResponse", "TextToImagePicture"):
        schema = document(application)["components"]["schemas"][name]
        assert "nsfw" in schema["required"]
        assert {"type": "null"} in schema["properties"]["nsfw"]["anyOf"]
        assert {"type": "null"} not in schema["properties"]["note"].get("anyOf", [])
