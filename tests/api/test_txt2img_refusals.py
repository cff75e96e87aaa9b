"""What POST /v1/txt2img refuses, in the names that the client sent."""

import pytest

from render_worker.contract import KEEPING_ENGINE, KEEPING_ENGINE_NAMES
from render_worker.engines.diffusers.models.registry import ALIASES, WELL_KNOWN
from tests.api.test_txt2img import PATHS, models

NO_SUCH_MODEL = {"success": False, "error": "model must be one of auto, sketch.", "code": "invalid_parameter"}


def refused(answer) -> tuple[int, str, str]:
    return answer.status_code, answer.json["code"], answer.json["error"]


def test_the_names_of_the_engine_s_models_are_those_that_it_has():
    assert {KEEPING_ENGINE, *WELL_KNOWN, *ALIASES} == KEEPING_ENGINE_NAMES


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        *(({"model_id": it}, f"model_id={it}") for it in sorted(ITS_MODELS)),
        ({"model_id": "sd-1-5", "lora_path": "a"}, "model_id=sd-1-5"),
        ({"lora_path": "a.safetensors"}, "lora_path"),
    ],
    ids=str,
)
def test_what_needs_the_engine_says_so_without_it(client, worker, fields, needs):
    worker.say(400, NO_SUCH_MODEL)
    worker.say_to("/models", 200, models("perchance"))
    answer = client.post("/v1/txt2img", json={"prompt": "a", **fields})
    sentence = f"{needs} needs the engine diffusers, which is not enabled here."
    assert refused(answer) == (503, "engine_not_configured", sentence)
    assert "ENGINES" in answer.json["hint"]


@pytest.mark.parametrize("name", sorted(ITS_MODELS))
def test_at_other_addresses_its_models_are_as_any_unknown_one(client, worker, name):
    worker.say(400, NO_SUCH_MODEL)
    worker.say_to("/models", 200, models("perchance"))
    answer = client.get("/generate", query_string={"prompt": "a", "model": name})
    assert refused(answer) == (400, "invalid_parameter", NO_SUCH_MODEL["error"])


def test_an_engine_that_is_enabled_but_lacks_its_packages_is_not_configured_either(client, worker):
    body = {"success": False, "error": "The engine diffusers needs torch.", "code": "engine_not_configured"}
    worker.say(500, body)
    answer = client.post("/v1/txt2img", json={"prompt": "a", "model_id": "sd-xl-base"})
    assert refused(answer) == (503, "engine_not_configured", body["error"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("model must be one of auto, sketch.", "model_id must be one of auto, sketch."),
        (
            "steps and width cannot be honoured by sketch; leave steps out, or ask with model=auto.",
            "num_inference_steps and width cannot be honoured by sketch; leave num_inference_steps out, or ask with"
            " model_id=auto.",
        ),
        ("scheduler must be one of euler, ddim.", "scheduler must be one of euler, ddim."),
        (
            "lora_path must be one of a, b: the model has no steps.",
            "lora_path must be one of a, b: the model has no steps.",
        ),
    ],
)
def test_a_refusal_of_the_worker_names_what_the_client_sent(client, worker, said, told):
    worker.say(400, {"success": False, "error": said, "code": "invalid_parameter", "hint": "Look."})
    answer = client.post("/v1/txt2img", json={"prompt": "a", "model_id": "sketch", "num_inference_steps": 3})
    assert refused(answer) == (400, "invalid_parameter", told)
    assert answer.json["hint"] == "Look."


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"num_inference_steps": 2.5}, "num_inference_steps"),
        ({"guidance_scale": 0.9}, "guidance_scale"),
        ({"guidance_scale": 20.1}, "guidance_scale"),
        ({"guidance_scale": "much"}, "guidance_scale"),
        ({"width": 513, "height": 512}, "width"),
        ({"width": 56, "height": 512}, "width"),
        ({"width": 512, "height": 5000}, "height"),
        ({"width": 512}, "height"),
        ({"height": 512}, "width"),
        ({"seed": -2}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"seed": 2**31 - 2, "num_images": 3}, "seed"),
        ({"num_images": 0}, "num_images"),
        ({"num_images": 11}, "num_images"),
        ({"model_id": "a b"}, "model_id"),
        ({"model_id": 3}, "model_id"),
        ({"scheduler": "eu ler"}, "scheduler"),
        ({"lora_path": "../a"}, "lora_path"),
        ({"lora_path": "a/../b"}, "lora_path"),
        ({"lora_path": "/etc/passwd"}, "lora_path"),
        ({"lora_path": "a", "lora_scale": 2.1}, "lora_scale"),
        ({"lora_scale": 1}, "lora_scale"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"negative_prompt": "a" * 2001}, "negative_prompt"),
    ],
    ids=str,
)
def test_what_is_invalid_is_refused_by_the_name_that_was_sent(client, worker, fields, named):
    status, code, sentence = refused(client.post("/v1/txt2img", json={"prompt": "a", **fields}))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith((f"{named} must be ", f"{named} is required ", f"{named} goes with ")), sentence
    assert "steps" not in sentence.replace("num_inference_steps", "")
    assert worker.asked_to_make() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("steps", "num_inference_steps is its name"),
        ("model", "model_id is its name"),
        ("n", "num_images is its name"),
        ("sampler", "scheduler is its name"),
        ("cfg_scale", "guidance_scale is its name"),
        ("lora", "lora_path is its name"),
        ("size", "width and height are the pixels"),
        ("image", "POST /v1/img2img"),
        ("init_image", "POST /v1/img2img"),
        ("strength", "POST /v1/img2img"),
        ("output_format", "PNG"),
    ],
)
def test_another_name_is_told_the_right_one(client, name, said):
    status, code, sentence = refused(client.post("/v1/txt2img", json={"prompt": "a", name: "x"}))
    assert (status, code, said in sentence) == (400, "invalid_parameter", True), sentence
    assert sentence.startswith(f'"{name}" is not a parameter here')


def test_it_is_posted_alone(client):
    for path in PATHS:
        assert refused(client.get(path))[:2] == (405, "method_not_allowed")


def test_a_query_and_a_form_are_refused(client):
    assert refused(client.post("/v1/txt2img?prompt=a", json={"prompt": "a"}))[0] == 400
    assert refused(client.post("/v1/txt2img", data={"prompt": "a"}))[0] == 400


@pytest.mark.parametrize("path", [*PATHS, "/v1/img2img"])
def test_errors_have_the_common_shape(client, path):
    body = client.post(path, data=b"{", content_type="application/json").json
    assert {"success", "error", "code", "request_id"} == set(body)
