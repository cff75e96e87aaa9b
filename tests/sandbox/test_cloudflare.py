"""The stand-in of Workers AI refuses what its models' schemas forbid."""

import pytest

from sandbox.app import create_app
from sandbox.cloudflare import ACCOUNT, TOKEN

SCHNELL, KLEIN = "black-forest-labs/flux-1-schnell", "black-forest-labs/flux-2-klein-4b"
SDXL = "stabilityai/stable-diffusion-xl-base-1.0"


def code_of(model: str, token: str = TOKEN, **sent) -> int:
    reply = (
        create_app()
        .test_client()
        .post(
            f"/cloudflare/accounts/{ACCOUNT}/ai/run/@cf/{model}",
            base_url="http://127.0.0.1:8002",
            headers={"Authorization": f"Bearer {token}"},
            **sent,
        )
    )
    assert reply.json["success"] is False
    return reply.json["errors"][0]["code"]


@pytest.mark.parametrize(
    ("model", "sent", "code"),
    [
        (SCHNELL, {"json": {"prompt": "a", "width": 512}}, 5004),
        (SCHNELL, {"json": {"prompt": "a", "steps": 9}}, 5004),
        (SCHNELL, {"json": {"prompt": ""}}, 5004),
        (SCHNELL, {"json": {"prompt": "a" * 2049}}, 5004),
        (SCHNELL, {"data": {"prompt": "a"}, "content_type": "multipart/form-data"}, 5004),
        (KLEIN, {"json": {"prompt": "a"}}, 5004),
        (SDXL, {"json": {"prompt": "a", "width": 64, "height": 64}}, 5004),
        ("acme/pictures", {"json": {"prompt": "a"}}, 5007),
        (SCHNELL, {"json": {"prompt": "a"}, "token": "another"}, 10000),
    ],
)
def test_it_refuses_by_the_service_s_codes(model, sent, code):
    assert code_of(model, **sent) == code
