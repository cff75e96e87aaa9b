"""txt2img, img2img, variations and the loading of models, through both tiers with the engine diffusers itself."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import simple_websocket

from tests.diffusers.end_to_end.tiers import OPERATOR, decoded, listed, photo, post, refused
from tests.fakes.processes import wait_until


@pytest.mark.parametrize("path", ["/v1/txt2img", "/api/v1/generate/txt2img"])
def test_the_quick_start_gets_a_picture_of_the_default_model(front, path):
    body = post(front, path, prompt="A beautiful sunset", num_inference_steps=6, guidance_scale=7.5).json()
    told = {name: body[name] for name in ("engine", "model_id", "width", "height", "guidance_scale")}
    assert told == {"engine": "diffusers", "model_id": "sd1", "width": 64, "height": 64, "guidance_scale": 7.5}
    image = decoded(body["image"])
    assert (image.format, image.size, image.text["prompt"]) == ("PNG", (64, 64), "A beautiful sunset")
    assert int(image.text["seed"]) == body["seed"]


def test_what_is_asked_for_is_what_is_made(front):
    fields = {"model_id": "sdxl", "scheduler": "euler", "num_inference_steps": 5, "width": 96, "height": 64, "seed": 4}
    answer = post(front, "/v1/txt2img", prompt="a boat", num_images=3, **fields)
    body = answer.json()
    assert answer.status_code == 200, body
    for index, picture in enumerate(body["pictures"]):
        expected = {**fields, "seed": 4 + index}
        assert {name: picture[name] for name in expected} == expected
        assert "ignored" not in picture
    assert [decoded(it).size for it in body["images"]] == [(96, 64)] * 3
    assert len(set(body["images"])) == 3


def test_an_image_to_begin_with_is_kept_to(front):
    image, fields = photo(), {"prompt": "in winter", "seed": 3, "num_inference_steps": 10, "scheduler": "euler"}
    made = post(front, "/v1/img2img", image=base64.b64encode(image).decode(), strength=0.5, **fields).json()
    assert (made["width"], made["height"], made["num_inference_steps"], made["strength"]) == (96, 64, 5, 0.5)
    form = {"image": ("a", image)}
    answer = requests.post(f"{front}/v1/img2img", files=form, data={**fields, "strength": "0.05"}, timeout=60)
    kept = answer.json()
    assert kept["num_inference_steps"] == 0
    assert "less than one step" in kept["note"]


def test_variations_are_pictures_of_the_image(front):
    files, fields = {"image": ("a.png", photo())}, {"n": "2", "response_format": "b64_json"}
    page = requests.post(f"{front}/v1/images/variations", files=files, data=fields, timeout=60).json()
    assert [decoded(it["b64_json"]).size for it in page["data"]] == [(96, 64)] * 2
    assert {it["engine"] for it in page["data"]} == {"diffusers"}


def test_a_model_is_loaded_beside_those_in_use(front):
    loaded = post(front, "/api/v1/models/load", OPERATOR, model_id="sd2")
    assert (loaded.status_code, loaded.json()["model_id"], loaded.json()["loaded"]) == (200, "sd2", True)
    assert loaded.json()["size_bytes"] > 0
    assert {name for name in ("sd1", "sd2") if listed(front)[name]["loaded"]} == {"sd1", "sd2"}
    assert "memory_mib" not in listed(front)["sd2"]
    assert listed(front, OPERATOR)["sd2"]["memory_mib"] > 0
    again = post(front, "/v1/models/load", OPERATOR, model_id="sd2").json()
    assert again["loaded"]


def test_one_that_takes_longer_than_is_waited_for_goes_on_being_loaded(front):
    answer = post(front, "/v1/models/load", OPERATOR, model_id="flux", timeout_seconds=0.001)
    assert answer.status_code in (200, 202)  # a machine may be that fast
    wait_until(lambda: listed(front)["flux"]["loaded"], "the model")


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/v1/models/load", {"model_id": "imagen"}, "model_id must be one of "),
        ("/v1/loras/load", {"lora_path": "nothing"}, "lora_path must be "),
        ("/v1/txt2img", {"prompt": "a", "model_id": "imagen"}, "model_id must be one of auto, diffusers, "),
        ("/v1/txt2img", {"prompt": "a", "scheduler": "nothing"}, "scheduler must be one of "),
        ("/v1/txt2img", {"prompt": "a", "lora_path": "nothing"}, "lora_path must be "),
        ("/v1/txt2img", {"prompt": "a", "width": 4096, "height": 64}, "width "),
    ],
    ids=str,
)
def test_a_refusal_names_what_the_client_sent(front, path, fields, named):
    status, code, sentence = refused(post(front, path, OPERATOR, **fields))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith(named), sentence


def test_the_websocket_tells_the_real_steps(front):
    socket = simple_websocket.Client(front.replace("http", "ws") + "/stream/generate/txt2img")
    message = {"prompt": "a", "model_id": "sd1", "num_inference_steps": 6, "scheduler": "euler", "previews": True}
    socket.send(json.dumps({**message, "response_format": "b64_json"}))
    lines = [json.loads(socket.receive(30))]
    while lines[-1]["event"] == "progress":
        lines.append(json.loads(socket.receive(30)))
    socket.close()
    steps = [(it["step"], it["total"]) for it in lines if it.get("step")]
    assert steps[-1] == (6, 6)
    assert {total for _, total in steps} == {6}
    assert any(it.get("preview", "").startswith("data:image/jpeg;base64,") for it in lines)
    assert decoded(lines[-1]["result"]["b64_json"]).size == (64, 64)


def test_clients_that_ask_at_once_each_get_their_own(front):
    asked = [(model, scheduler) for model in ("sd1", "sdxl") for scheduler in ("euler", "ddim", "unipc")]

    def made(model: str, scheduler: str) -> tuple[str, str]:
        body = post(front, "/v1/txt2img", prompt="a", model_id=model, scheduler=scheduler, num_inference_steps=4).json()
        return body["model_id"], body["scheduler"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(made, *zip(*asked, strict=True))) == asked
