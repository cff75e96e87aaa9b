"""Errors of OpenAI's routes, as the exceptions that its own client raises."""

import openai
import pytest
import requests

from tests.api.conftest import RESULT


@pytest.mark.parametrize(
    ("fields", "named", "accepts"),
    [
        ({"prompt": ""}, "prompt", "1 to 2,000 characters"),
        ({"prompt": "a" * 2001}, "prompt", "1 to 2,000 characters"),
        ({"n": 0}, "n", "an integer from 1 to 10"),
        ({"n": 11}, "n", "an integer from 1 to 10"),
        ({"size": "big"}, "size", "1024x1024"),
        ({"size": "99999x1"}, "size", "auto, or a width and a height from 10 to 9999, like 1024x1024"),
        ({"size": "9x1024"}, "size", "from 10 to 9999"),
        ({"size": "0x1024"}, "size", "1024x1024"),
        ({"response_format": "png"}, "response_format", "url or b64_json"),
        ({"background": "transparent"}, "background", "opaque"),
        ({"output_format": "gif"}, "output_format", "png"),
        ({"output_format": "tiff"}, "output_format", "png"),
        ({"output_format": "svg"}, "output_format", "one of png, jpeg, webp"),
        ({"output_compression": 50}, "output_compression", "100 with png"),
        ({"output_compression": 0, "output_format": "png"}, "output_compression", "100 with png"),
        ({"output_compression": 101, "output_format": "webp"}, "output_compression", "0 to 100"),
        ({"partial_images": 4}, "partial_images", "from 0 to 3"),
        ({"stream": "maybe"}, "stream", "true or false"),
        ({"quality": "best"}, "quality", "high"),
        ({"style": "cubist"}, "style", "vivid, natural"),
        ({"model": "a b"}, "model", "/v1/models"),
        ({"extra_body": {"frame_count": 2}}, "frame_count", "left out; no engine makes moving pictures"),
        ({"extra_body": {"frame_duration_ms": 200}}, "frame_duration_ms", "left out"),
        ({"extra_body": {"svg": {"model": "x", "reasoning": {"effort": "low"}}}}, "svg", "takes png, jpeg and webp"),
        ({"extra_body": {"markup": "x"}}, "markup", "in the prompt"),
        (
            {"extra_body": {"size_of": "x"}},
            "size_of",
            "known are prompt, style, aspect_ratio, size, width, height, within, prefer, model, n",
        ),
        ({"extra_body": {"num_inference_steps": 20}}, "num_inference_steps", "steps is its name, from 1 to 100"),
        ({"extra_body": {"sampler": "ddim"}}, "sampler", "scheduler is its name"),
        ({"extra_body": {"lora": "a"}}, "lora", "lora_path is its name"),
        ({"extra_body": {"cfg_scale": 7}}, "cfg_scale", "guidance_scale is its name"),
        ({"extra_body": {"num_images": 2}}, "num_images", "n is how many pictures are made"),
        ({"extra_body": {"denoising_strength": 0.5}}, "denoising_strength", "POST /v1/images/edits takes an image"),
        ({"extra_body": {"seed": -2}}, "seed", "integer from -1"),
        ({"extra_body": {"seed": 2147483648}}, "seed", "to 2147483647"),
        ({"extra_body": {"seed": 2147483647}, "n": 2}, "seed", "2147483646 at most with n=2"),
        ({"extra_body": {"guidance_scale": 21}}, "guidance_scale", "0 to 20"),
        ({"extra_body": {"negative_prompt": "a" * 2001}}, "negative_prompt", "1 to 2,000 characters"),
        ({"extra_body": {"negative_prompt": "a" * 1990}, "style": "anime"}, "negative_prompt", "style anime"),
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused_by_name(ai, worker, fields, named, accepts):
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.generate(**{"prompt": "a tree", **fields})
    error = refused.value
    assert (error.param, error.code, error.type) == (named, "invalid_parameter", "invalid_request_error")
    assert accepts in error.body["message"]
    assert error.body["request_id"] == error.request_id
    assert worker.requests == []


def test_the_engines_that_were_tried_in_vain_are_in_the_error(ai, worker):
    asked = [{"engine": "perchance", "code": "engine_busy"}]
    worker.say(503, {"success": False, "error": "Busy.", "code": "worker_busy", "fallback_from": asked})
    with pytest.raises(openai.InternalServerError) as failed:
        ai.images.generate(prompt="a tree")
    assert failed.value.body["fallback_from"] == asked


def test_the_worker_s_hint_comes_with_an_unknown_model(ai, worker):
    refusal = {"success": False, "error": "model must be one of auto, sketch.", "code": "invalid_parameter"}
    worker.say(400, {**refusal, "hint": "Add diffusers to ENGINES."})
    with pytest.raises(openai.NotFoundError) as refused:
        ai.images.generate(prompt="a tree", model="sd-1-5")
    assert refused.value.body["hint"] == "Add diffusers to ENGINES."


def test_an_unknown_model_is_not_found(ai, worker):
    refusal = "model must be one of auto, perchance, sketch."
    worker.say(400, {"success": False, "error": refusal, "code": "invalid_parameter"})
    with pytest.raises(openai.NotFoundError) as refused:
        ai.images.generate(prompt="a tree", model="imagen")
    error = refused.value
    assert (error.code, error.param, error.body["message"]) == ("model_not_found", "model", refusal)


@pytest.mark.parametrize(
    ("status", "code", "expected", "kind"),
    [
        (400, "invalid_parameter", openai.BadRequestError, "invalid_request_error"),
        (422, "content_refused", openai.UnprocessableEntityError, "invalid_request_error"),
        (429, "rate_limited", openai.RateLimitError, "rate_limit_error"),
        (500, "storage_not_configured", openai.InternalServerError, "server_error"),
        (502, "engine_failed", openai.InternalServerError, "server_error"),
        (503, "worker_busy", openai.InternalServerError, "server_error"),
        (504, "timeout", openai.InternalServerError, "server_error"),
    ],
)
def test_the_worker_s_failures_become_the_client_s_exceptions(ai, worker, status, code, expected, kind):
    worker.say(status, {"success": False, "error": "prompt is no good.", "code": code, "retry_after": 9})
    with pytest.raises(expected) as failed:
        ai.images.generate(prompt="a tree")
    assert type(failed.value) is expected
    assert failed.value.body == {
        "message": "prompt is no good.",
        "type": kind,
        "param": "prompt" if code == "invalid_parameter" else None,
        "code": code,
        "retry_after": 9,
        "request_id": failed.value.request_id,
    }
    assert failed.value.response.headers["Retry-After"] == "9"


def test_the_client_retries_after_retry_after(client_of, worker):
    busy = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 1}
    worker.say(503, busy, before=lambda: worker.say(200, RESULT))
    assert client_of(max_retries=1).images.generate(prompt="a tree").data
    assert len(worker.requests) == 2


def test_bytes_that_cannot_be_read_are_an_error(ai, worker):
    worker.say(200, {**RESULT, "image_url": "http://10.0.0.1/x.png"})
    with pytest.raises(openai.InternalServerError) as failed:
        ai.images.generate(prompt="a tree", response_format="b64_json")
    assert (failed.value.status_code, failed.value.code) == (502, "picture_unavailable")


def test_no_worker_is_the_client_s_server_error(ai, worker):
    worker.close()
    with pytest.raises(openai.InternalServerError) as failed:
        ai.models.list()
    assert (failed.value.status_code, failed.value.code) == (503, "worker_unavailable")


def test_an_unexpected_error_is_one_too(ai, monkeypatch):
    monkeypatch.setattr("image_api.web.openai_response.ImagesResponse", None)
    with pytest.raises(openai.InternalServerError) as failed:
        ai.images.generate(prompt="a tree")
    assert (failed.value.status_code, failed.value.code) == (500, "internal_error")


def test_an_unknown_url_is_the_client_s_not_found(ai):
    with pytest.raises(openai.NotFoundError) as missing:
        ai.chat.completions.create(model="gpt-5", messages=[])
    assert (missing.value.code, missing.value.type) == ("not_found", "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/v1/images/generations", b"", (405, "method_not_allowed")),
        ("POST", "/v1/models", b"", (405, "method_not_allowed")),
        ("POST", "/v1/images/generations", b" " * 70_000, (413, "too_large")),
        ("POST", "/v1/images/generations", b"{", (400, "invalid_parameter")),
        ("GET", "/v1", b"", (404, "not_found")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_error_has_this_format(base, method, path, body, expected):
    answer = requests.request(method, base + path, data=body, timeout=5)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == expected
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] is None
    assert answer.headers["Cache-Control"] == "no-store"
