"""What servers of OpenAI's images API answer in place of a picture, in each one's shape of errors."""

from typing import Any

Refused = tuple[int, Any, dict[str, str]]


def _openai(message: str, kind: str, code: str | None, param: str | None = None, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code, **more}}


def _pollinations(status: int, code: str, message: str) -> dict[str, object]:
    error = {"code": code, "message": message, "timestamp": "2026-11-01T12:00:00.000Z"}
    return {"status": status, "success": False, "error": error}


MODERATION = {"moderation_stage": "input", "categories": ["violence"]}
INVALID = "invalid_request_error"
QUOTA = "You exceeded your current quota, please check your plan and billing details."
HARD_LIMIT = "Billing hard limit has been reached."
VERIFY = "Your organization must be verified to use the model `gpt-image-2`."
SYSTEM = "Your request was rejected by the safety system."
WRAPPED = "litellm.ContentPolicyViolationError: OpenAIException - Your request was rejected."
FILTERED = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": {"violence": {"filtered": True}}}

REFUSALS: dict[str, Refused] = {
    # OpenAI
    "moderation": (
        400,
        _openai(SYSTEM, "image_generation_user_error", "moderation_blocked", moderation_details=MODERATION),
        {},
    ),
    "policy": (400, _openai(SYSTEM, INVALID, "content_policy_violation"), {}),
    "no_quota": (429, _openai(QUOTA, "insufficient_quota", "insufficient_quota"), {}),
    "hard_limit": (400, _openai(HARD_LIMIT, INVALID, "billing_hard_limit_reached"), {}),
    "wrong_key": (401, _openai("Incorrect API key provided: sk-***.", INVALID, "invalid_api_key"), {}),
    "unverified": (403, _openai(VERIFY, INVALID, None), {}),
    "no_model": (404, _openai("The model does not exist.", INVALID, "model_not_found"), {}),
    "too_many": (429, _openai("Rate limit reached.", "requests", "rate_limit_exceeded"), {"Retry-After": "7"}),
    "too_many_reset": (
        429,
        _openai("Rate limit reached.", "requests", "rate_limit_exceeded"),
        {"x-ratelimit-remaining-images": "0", "x-ratelimit-reset-images": "6m0s", "x-ratelimit-reset-requests": "1s"},
    ),
    "too_many_milliseconds": (429, _openai("Slow down.", "requests", None), {"retry-after-ms": "1500"}),
    "too_many_absurd": (429, _openai("Slow down.", "requests", None), {"Retry-After": "9" * 30}),
    "too_many_silent": (429, {}, {}),
    "unknown_parameter": (400, _openai("Unknown parameter: 'seed'.", INVALID, "unknown_parameter", "seed"), {}),
    "server_error": (500, _openai("The server had an error.", "server_error", None), {}),
    "overloaded": (503, _openai("The engine is overloaded.", "server_error", None), {"Retry-After": "9"}),
    # Azure
    "filtered": (400, _openai(SYSTEM, INVALID, "contentFilter", inner_error=FILTERED), {}),
    "inner_filtered": (400, {"error": {"code": "BadRequest", "message": "No.", "inner_error": FILTERED}}, {}),
    "no_deployment": (404, {"error": {"code": "DeploymentNotFound", "message": "There is no such deployment."}}, {}),
    # FastAPI's servers
    "detail": (400, {"detail": "Model mismatch: request specifies 'a' but server is running 'b'"}, {}),
    "detail_list": (
        422,
        {"detail": [{"loc": ["body", "response_format"], "msg": "Input should be 'b64_json'", "type": "enum"}]},
        {},
    ),
    "detail_busy": (503, {"detail": "Engine is not ready"}, {}),
    # LocalAI, whose code is a number; stable-diffusion.cpp, whose error is a text; others
    "number": (500, {"error": {"code": 500, "message": "could not load model", "type": ""}}, {}),
    "text": (400, {"error": "prompt required"}, {}),
    "crash": (500, {"error": "server_error", "message": "std::bad_alloc"}, {}),
    "plain": (500, "Internal Server Error", {}),
    "message": (400, {"message": "no such size"}, {}),
    "odd": (400, {"error": ["?", 7], "detail": 7, "message": {"a": 1}}, {}),
    # litellm's proxy and Pollinations
    "wrapped": (400, _openai(WRAPPED, "None", "400"), {}),
    "no_balance": (402, _pollinations(402, "PAYMENT_REQUIRED", "This costs 0.004 pollen and you have 0."), {}),
    "declined": (422, _pollinations(422, "CONTENT_REFUSED", "This prompt was declined."), {}),
    "unprocessable": (422, _pollinations(422, "UNPROCESSABLE_ENTITY", "width must be a number."), {}),
    # with the status of success
    "ok_refused": (200, _openai(SYSTEM, "image_generation_user_error", "moderation_blocked"), {}),
    "ok_failed": (200, {"error": "the model crashed"}, {}),
    "neither": (200, {"created": 1, "data": [{}]}, {}),
    "no_items": (200, {"created": 1, "data": []}, {}),
    "wrong_types": (200, {"data": [{"b64_json": 7, "url": ["a"]}]}, {}),
    "not_base64": (200, {"data": [{"b64_json": "\u00e9*"}]}, {}),
    "moderated": (200, {"data": [{"respect_moderation": False, "url": ""}]}, {}),
    "html": (200, "<!DOCTYPE html><title>Welcome to nginx!</title>", {}),
    "html_502": (502, "<!DOCTYPE html><title>502 Bad Gateway</title>", {}),
    "deep": (200, "[" * 100_000, {}),
    "redirect": (307, "", {"Location": "http://127.0.0.1:9/"}),
}

FAILED_IN_STREAM: dict[str, object] = {
    "stream_error": {"type": "error", **_openai("The server had an error.", "server_error", None)},
    "stream_refused": _openai(SYSTEM, "image_generation_user_error", "moderation_blocked"),
    "stream_failed": {
        "type": "image_generation.failed",
        "failure": {"index": 0, "message": "No engine is up.", "code": "engine_busy", "type": "server_error"},
    },
}
