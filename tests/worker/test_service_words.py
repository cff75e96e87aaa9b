"""What a service says of a picture reaches the clients as far as it concerns them, and no client another's words."""

import base64
import json

from tests.fakes.played import drawn
from tests.fakes.scripted_server import ScriptedServer

DIARY = "Alice's private diary, a page of it with a drawing"


def test_one_client_s_prompt_is_told_to_no_other_one(client_with, caplog):
    with ScriptedServer() as server:
        server.say(500, json.dumps({"errors": f"crash while encoding:\n{DIARY}"}).encode())
        client = client_with(engines=("automatic1111",), automatic1111_url=server.url)
        asking = {"model": "automatic1111"}
        told = [client.post("/generate", json={"prompt": DIARY, **asking}).text for _ in range(6)]
        told.append(client.post("/generate", json={"prompt": "a tree", **asking}).text)
        told += [client.get(path).text for path in ("/health", "/models")]
    assert "AUTOMATIC1111's server" in told[0]
    assert "diary" not in "".join(told)
    assert "crash while encoding" not in caplog.text


def test_a_picture_that_a_far_stand_in_made_is_marked(client_with):
    with ScriptedServer() as server:
        item = {"b64_json": base64.b64encode(drawn((1024, 1024))).decode()}
        far = {"engines": ("openai",), "openai_base_url": server.url, "openai_kind": "image-generation-api"}
        client = client_with(**far)
        for said in ({"simulated": True}, {}):
            server.say(200, json.dumps({"data": [item], **said}).encode())
            result = client.post("/generate", json={"prompt": "a tree"}).json
            assert (result["engine"], result.get("simulated", False)) == ("openai", bool(said))
