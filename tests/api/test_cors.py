"""CORS_ORIGINS: the origins whose pages may send requests."""

import pytest
from pydantic import ValidationError

from image_api.settings import Settings
from tests.api.conftest import NAME

PAGE = {"Origin": "https://pictures.example"}


@pytest.mark.parametrize("path", ["/generate?prompt=a", "/health", "/nowhere", "/generate"])
def test_every_origin_is_allowed_by_default(client, path):
    answer = client.get(path, headers=PAGE)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert {"X-Cache", "X-Engine", "X-Ignored", "X-Seed"} <= {*exposed.split(", ")}


def test_a_preflight_request_is_answered(client, worker):
    asks = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = client.options("/v1/images/generate", headers=asks)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
    assert worker.requests == []


def test_only_the_named_origins_are_allowed(client_with):
    client = client_with(cors_origins="https://Pictures.example, http://localhost:3000, http://[::1]:3000")
    allowed_ones = ["https://pictures.example", "http://localhost:3000", "http://[::1]:3000"]
    for origin in [*allowed_ones, "https://x", "http://1:3000", "https://pictures.example.evil"]:
        allowed = origin in allowed_ones
        answer = client.get("/health", headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/generate?prompt=a", {}),
        ("POST", "/generate", {}),
        ("GET", "/generate?prompt=a", {"Accept": "image/*"}),
        ("HEAD", "/generate?prompt=a", {"Accept": "image/*"}),
        ("GET", "/generate?prompt=", {"Sec-Fetch-Dest": "image"}),
        ("GET", "/generate.png?prompt=a", {"Sec-Purpose": "prefetch"}),
        ("GET", "/generate.gif?prompt=a", {}),
        ("GET", f"/images/{NAME}", {}),
        ("GET", f"/images/{NAME}", {"If-None-Match": f'W/"{NAME[:64]}"'}),
        ("GET", f"/images/{NAME}", {"If-Match": '"x"'}),
        ("GET", "/images/x.png", {}),
        ("GET", "/wake.gif", {}),
        ("GET", "/badge.svg", {}),
    ],
)
def test_any_page_may_embed_what_an_img_may_name(client, method, path, headers):
    body = {"json": {"prompt": "a"}} if method == "POST" else {}
    answer = client.open(path, method=method, headers=headers, **body)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/", "/health", "/models", "/v1/styles", "/robots.txt", "/nowhere"])
def test_json_alone_is_not_for_embedding(client, path):
    assert "Cross-Origin-Resource-Policy" not in client.get(path).headers


@pytest.mark.parametrize("origins", ["pictures.example", "https://a.example/path", "https://a.example,*.example"])
def test_what_is_no_origin_is_refused_at_start(origins):
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings(cors_origins=origins)
