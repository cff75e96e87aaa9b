"""POST /v1/txt2img: pictures as base64, with the names of parameters that Stable Diffusion's services have."""

import base64
import threading

import pytest
import requests

from image_api.web.schemas.txt2img_response import TextToImagePicture, TextToImageResponse
from render_worker.contract import GenerateResult, safety_filter_result
from tests.api.conftest import RESULT

PATHS = ["/v1/txt2img", "/api/v1/generate/txt2img"]
QUICK_START = {
    "prompt": "A beautiful sunset over mountains",
    "model_id": "sd-xl-base",
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
}
ITS_PICTURE = {
    "engine": "diffusers",
    "engine_model": "sd-xl-base",
    "model": "diffusers",
    "steps": 25,
    "scheduler": "euler",
    "guidance_scale": 7.5,
    "nsfw": False,
}


def models(*names: str) -> dict:
    """Return a list of models of these names."""
    listed = [{"name": it, "description": "…", "answers_auto": True, "state": "ready"} for it in names]
    return {"models": listed}


@pytest.mark.parametrize("path", PATHS)
def test_it_works(client, worker, keeps, path):
    picture = keeps(**ITS_PICTURE)
    answer = client.post(path, json=QUICK_START)
    assert answer.status_code == 200
    body = answer.json
    assert [base64.b64decode(it) for it in body["images"]] == [picture]
    assert base64.b64decode(body["image"]) == picture
    told = {
        "success": True,
        "prompt": QUICK_START["prompt"],
        "seed": 7,
        "seeds": [7],
        "model_id": "sd-xl-base",
        "engine": "diffusers",
        "width": 64,
        "height": 48,
        "num_inference_steps": 25,
        "guidance_scale": 7.5,
        "scheduler": "euler",
        "safety_filter_result": "passed",
        "request_id": answer.headers["X-Request-ID"],
    }
    assert {name: body[name] for name in told} == told
    assert body["latency_ms"] >= 0
    [asked] = worker.asked_to_make()
    sent = {"prompt": QUICK_START["prompt"], "model": "sd-xl-base", "steps": 25, "guidance_scale": 7.5, "seed": -1}
    assert {name: asked[name] for name in sent} == sent
    assert asked["output_format"] == "png"


def test_every_parameter_reaches_the_worker_by_our_name(client, worker, keeps):
    keeps()
    fields = {
        "prompt": "a boat",
        "negative_prompt": "blurry",
        "model_id": "sd-1-5",
        "num_inference_steps": 30,
        "guidance_scale": 5,
        "width": 512,
        "height": 768,
        "seed": 40,
        "num_images": 2,
        "scheduler": "dpmpp_2m",
        "lora_path": "watercolor.safetensors",
        "lora_scale": 0.8,
    }
    assert client.post("/v1/txt2img", json=fields).status_code == 200
    renamed = {"model_id": "model", "num_inference_steps": "steps"}
    expected = {renamed.get(name, name): value for name, value in fields.items() if name not in ("num_images", "seed")}
    asked = worker.asked_to_make()
    assert [{name: it[name] for name in expected} for it in asked] == [expected] * 2
    assert sorted(it["seed"] for it in asked) == [40, 41]


def test_each_picture_has_its_own_details(client, worker, keeps):
    picture = keeps(steps=20, ignored=["steps", "n"], nsfw=True, note="It is black.")
    body = client.post("/v1/txt2img", json={"prompt": "a", "num_images": 3, "seed": 4}).json
    assert [base64.b64decode(it) for it in body["images"]] == [picture] * 3
    assert [it["index"] for it in body["pictures"]] == [0, 1, 2]
    for it in body["pictures"]:
        assert (it["num_inference_steps"], it["latency_ms"]) == (20, 5)
        assert it["ignored"] == ["num_images", "num_inference_steps"]
        assert it["image_url"].startswith("http://localhost/images/")
    assert (body["ignored"], body["safety_filter_result"]) == (["num_images", "num_inference_steps"], "flagged")


@pytest.mark.parametrize(("nsfw", "told"), [(True, "flagged"), (False, "passed"), (None, "not_checked")])
def test_the_safety_checker_s_result_is_told(client, keeps, nsfw, told):
    keeps(nsfw=nsfw)
    body = client.post("/v1/txt2img", json={"prompt": "a"}).json
    assert (body["safety_filter_result"], body["nsfw"]) == (told, nsfw)


@pytest.mark.parametrize(
    ("each", "told"),
    [
        ((False, False), "passed"),
        ((False, None, False), "not_checked"),
        ((None, False, True), "flagged"),
        ((True, None), "flagged"),
    ],
)
def test_the_safety_checker_s_worst_result_is_that_of_all(each, told):
    results = [GenerateResult.model_validate({**RESULT, "nsfw": nsfw}) for nsfw in each]
    pictures = [TextToImagePicture.of(index, result, "http://localhost") for index, result in enumerate(results)]
    response = TextToImageResponse.of("a", [], pictures, [], image="", latency_ms=1, request_id="x")
    assert (response.safety_filter_result, safety_filter_result(response.nsfw)) == (told, told)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (ITS_PICTURE, "sd-xl-base"),
        ({**ITS_PICTURE, "engine_model": None}, "diffusers"),
        ({"engine": "horde", "engine_model": "stable_diffusion", "model": "auto"}, "horde"),
        ({"engine": "replicate", "engine_model": "x/y", "model": "flux-schnell"}, "flux-schnell"),
    ],
    ids=str,
)
def test_the_model_is_told_by_a_name_that_can_be_asked_for(client, keeps, made, name):
    keeps(**made)
    assert client.post("/v1/txt2img", json={"prompt": "a"}).json["model_id"] == name


@pytest.mark.parametrize(
    ("known", "fields", "model"),
    [
        (("diffusers", "sd-xl-base", "sketch"), {}, "diffusers"),
        (("perchance", "sketch"), {}, "auto"),
        (("perchance", "sketch"), {"model_id": None}, "auto"),
        (("diffusers",), {"model_id": "auto"}, "auto"),
        (("diffusers",), {"model_id": "sketch"}, "sketch"),
        (("perchance",), {"lora_path": "a.safetensors"}, "diffusers"),
        (("perchance",), {"lora_path": "a.safetensors", "model_id": "auto"}, "diffusers"),
        (("perchance",), {"lora_path": "a.safetensors", "model_id": "sd-1-5"}, "sd-1-5"),
    ],
    ids=str,
)
def test_without_a_model_it_is_the_engine_s_own_if_it_is_there(client, worker, keeps, known, fields, model):
    keeps()
    worker.say_to("/models", 200, models(*known))
    assert client.post("/v1/txt2img", json={"prompt": "a", **fields}).status_code == 200
    assert [it["model"] for it in worker.asked_to_make()] == [model]


def test_null_is_the_same_as_left_out(client, worker, keeps):
    keeps()
    names = ("model_id", "num_inference_steps", "guidance_scale", "width", "height", "seed", "num_images", "scheduler")
    client.post("/v1/txt2img", json={"prompt": "a", **dict.fromkeys((*names, "lora_path", "lora_scale"))})
    client.post("/v1/txt2img", json={"prompt": "a"})
    one, other = ({**it, "request_id": "", "timeout_seconds": 0} for it in worker.asked_to_make())
    assert one == other


def test_those_that_fail_are_told_beside_those_that_are_made(client, worker, keeps):
    picture = keeps(seed=1)
    answers = iter([lambda: None, lambda: fail(worker)])
    lock = threading.Lock()

    def fail(worker) -> None:
        worker.say_to("/generate", 502, {"success": False, "error": "steps was wrong.", "code": "engine_failed"})

    def next_one() -> None:
        with lock:
            next(answers, lambda: None)()

    result = {**RESULT, "bytes": len(picture), "content_type": "image/png"}
    worker.say_to("/generate", 200, result, before=next_one)
    worker.say_to("/images/", 200, picture)
    body = client.post("/v1/txt2img", json={"prompt": "a", "num_images": 3}).json
    assert len(body["images"]) + len(body["failed"]) == 3
    assert body["failed"][0]["code"] == "engine_failed"
    assert body["failed"][0]["error"] == "num_inference_steps was wrong."
    assert len(body["pictures"]) == len(body["images"])


def test_a_picture_that_is_lost_is_an_error(client, worker):
    worker.say_to("/images/", 404, {"success": False, "error": "Gone.", "code": "not_found"})
    answer = client.post("/v1/txt2img", json={"prompt": "a"})
    assert (answer.status_code, answer.json["code"]) == (502, "picture_unavailable")


def test_the_same_request_with_a_seed_is_made_once(client, worker, keeps):
    keeps()
    answers = [client.post("/v1/txt2img", json={"prompt": "a", "seed": 3}) for _ in range(2)]
    assert [it.headers["X-Cache"] for it in answers] == ["MISS", "HIT"]
    assert [it.json["pictures"][0]["cached"] for it in answers] == [False, True]
    assert answers[0].json["images"] == answers[1].json["images"]
    assert len(worker.asked_to_make()) == 1


def test_the_pictures_are_streamed(base, worker):
    """The first bytes of one come before its last are read."""
    released = threading.Event()
    worker.say_to("/images/", 200, (b"A" * 300_000, lambda: released.wait(20), b"B" * 300_000))
    with requests.post(f"{base}/v1/txt2img", json={"prompt": "a"}, stream=True, timeout=20) as answer:
        assert answer.raw.read(100_000).startswith(b'{"success":true,"image":"QUFBQUFB')
        released.set()
        assert answer.raw.read().endswith(b"}\n")
