"""What Pollinations has answered in place of a picture, by the time when it did."""

import base64
import json

from flask import Response

from sandbox.replies import html_reply, json_reply

V1 = {
    "x402Version": 1,
    "error": "Queue full for IP: 203.0.113.9: 1 requests already queued (max: 1). Pay to skip the queue.",
    "accepts": [
        {
            "scheme": "exact",
            "network": "base",
            "maxAmountRequired": "1000",
            "resource": "https://image.myceli.ai/prompt/…",
            "mimeType": "image/jpeg",
            "payTo": "0x0000000000000000000000000000000000000001",
            "asset": "0x0000000000000000000000000000000000000002",
        }
    ],
}
V2 = {
    "x402Version": 2,
    "accepts": [
        {
            "scheme": "exact",
            "network": "eip155:8453",
            "payTo": "0x0000000000000000000000000000000000000001",
            "amount": "10000",
        }
    ],
}
DEMANDS = ("x402_v1", "x402_v2", "x402_v2_html", "x402_bare", "x402_as_200", "x402_for_a_day")
OLDER = {"timingInfo": [{"step": "Request received.", "timestamp": 0}], "requestId": "nxrhs", "queueInfo": None}
REFUSALS: dict[str, tuple[int, object, dict[str, str]]] = {
    "tunnel_down": (530, "error code: 1033", {}),  # February and March 2026, to new prompts
    "not_configured": (503, {"error": "x402 payments are not configured"}, {}),
    "bad_request": (400, {"error": "Bad Request", "message": "width must be positive", **OLDER}, {}),
    "too_many": (429, {"error": "Too Many Requests", "message": "Queue full", **OLDER}, {}),
    "too_many_for_90": (429, {"error": "Too Many Requests", **OLDER}, {"Retry-After": "90"}),
    "forbidden": (403, {"error": "Forbidden", "message": "No.", **OLDER}, {}),
    "unauthorized": (401, {"error": {"message": "A key is required.", "code": "UNAUTHORIZED"}}, {}),
    "failed": (500, {"error": "Internal Server Error", "message": "fetch failed", **OLDER}, {}),
    "nsfw": (500, {"error": "Internal Server Error", "message": "NSFW content detected in safe mode.", **OLDER}, {}),
    "moderated": (422, {"error": {"message": "Rejected.", "code": "content_policy_violation"}}, {}),
    "gateway_page": (502, "<!DOCTYPE html><title>502 Bad gateway</title>", {}),
    "bad_page": (400, "<!DOCTYPE html><title>400 Bad Request</title>", {}),  # of its CDN, to long addresses
    "challenge_page": (403, "<!DOCTYPE html><title>Just a moment...</title>", {}),
    "page": (200, "<!DOCTYPE html><title>pollinations.ai</title>", {}),
    "error_as_200": (200, {"error": "Something", "message": "went wrong"}, {}),
    "odd_json": (500, {"error": 7, "message": ["a"], "code": None}, {}),
    "gone": (404, "Not Found", {}),
    "redirect": (302, "", {"Location": "https://enter.pollinations.ai/"}),
}


def refused(word: str) -> Response:
    """Return the response of a refusal."""
    status, document, headers = REFUSALS[word]
    if not isinstance(document, str):
        return json_reply(document, status, headers)
    kind = "text/html" if document.startswith("<") else "text/plain"
    return Response(document, status, headers, mimetype=kind)


def demand(word: str) -> Response:
    """Return the response that wants to be paid."""
    header = {"payment-required": base64.b64encode(json.dumps(V2).encode()).decode(), "Cache-Control": "no-store"}
    if word == "x402_v1":
        return json_reply(V1, 402)
    if word == "x402_bare":
        return Response(status=402)
    if word == "x402_as_200":
        return json_reply(V1)
    if word == "x402_v2_html":
        page = html_reply("Payment Required", 402)
        page.headers.update(header)
        return page
    return json_reply({}, 402, header | ({"Retry-After": "86400"} if word == "x402_for_a_day" else {}))


def content_refused(prompt: str) -> Response:
    """Return the response to a prompt that is refused, which it repeats."""
    document = {"error": "Bad Request", "message": "Prompt contains prohibited content.", **OLDER}
    return json_reply({**document, "requestParameters": {"prompt": prompt}}, 400)


def shut_out() -> Response:
    """Return the response to an address of which too many prompts were refused."""
    document = {"error": "Forbidden", "message": "Too many content policy violations: your IP is blocked.", **OLDER}
    return json_reply(document, 403)
