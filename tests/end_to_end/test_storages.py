"""Storages: which of them keeps a picture, their fallback, and what the response says of it."""

import subprocess
import sys

import pytest
import requests

from sandbox.cloudinary import CLOUDINARY_URL, SECRET
from sandbox.imgur import REFUSALS
from tests.end_to_end.conftest import TOKEN, reset, running, worker_settings
from tests.fakes.processes import ROOT, api, clean_environment, wait_until, worker
from tests.fakes.s3_server import S3Server

CLIENT_ID = "the-client-id"


@pytest.fixture(scope="module")
def imgur_stack(tmp_path_factory):
    with running(tmp_path_factory.mktemp("images"), IMGUR_CLIENT_ID=CLIENT_ID) as stack:
        yield stack


@pytest.fixture
def stack(imgur_stack):
    return reset(imgur_stack)


def test_with_an_id_pictures_go_to_imgur(stack):
    body = stack.get(prompt="a tree").json()
    assert body["storage"] == "imgur"
    assert body["image_url"].startswith(f"{stack.sandbox.url}/i.imgur.com/")
    assert "deletehash" not in str(body)
    image = stack.picture(body["image_url"])
    assert (image.size, image.text["prompt"]) == ((768, 768), "a tree")
    assert "deletehash" in stack.worker.log()
    assert CLIENT_ID not in stack.worker.log() + stack.api.log()


def test_an_imgur_picture_s_bytes_come_in_the_response_if_its_origin_is_named(stack):
    with api(
        PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, PICTURE_ORIGINS=f"http://a:1,{stack.sandbox.url}"
    ) as front:
        response = requests.get(f"{front.url}/generate.png?prompt=a+tree&model=sketch", timeout=30)
    assert (response.status_code, response.headers["X-Engine"]) == (200, "sketch")
    assert response.headers["Content-Location"].startswith(f"{stack.sandbox.url}/i.imgur.com/")
    assert response.content.startswith(b"\x89PNG")


def test_an_image_tag_is_redirected_to_imgur(stack):
    response = stack.get(prompt="a tree", model="sketch", headers={"Accept": "image/png"})
    assert response.headers["Location"].startswith(f"{stack.sandbox.url}/i.imgur.com/")


@pytest.mark.parametrize(
    ("imgur", "code"),
    [("over_capacity", "imgur_unavailable"), ("html_503", "imgur_unavailable"), ("invalid_token", "imgur_refused")],
)
def test_what_imgur_refuses_is_kept_locally_and_the_response_says_so(stack, imgur, code):
    stack.play(imgur=imgur)
    response = stack.get(prompt="a tree", model="sketch")
    body = response.json()
    assert (response.status_code, body["storage"]) == (200, "local")
    assert (body["storage_error"]["storage"], body["storage_error"]["code"]) == ("imgur", code)
    assert stack.picture(body["image_url"]).size == (768, 768)


def test_a_rate_limit_of_imgur_is_reported_and_opens_its_circuit_breaker(stack):
    stack.play(imgur="limit_in_seconds")
    first = stack.get(prompt="a tree", model="sketch").json()
    again = stack.get(prompt="a tree", model="sketch").json()
    assert (first["storage"], again["storage"]) == ("local", "local")
    assert 1 <= again["storage_error"]["retry_after"] <= 2
    assert len(stack.requests_to("imgur")) == 1
    assert any("imgur" in reason for reason in stack.worker_health()["reasons"])


def test_an_upload_that_outlasts_the_deadline_leaves_the_picture_to_the_local_folder(stack):
    stack.play(imgur="hang")
    body = {"prompt": "a tree", "model": "sketch", "timeout_seconds": 3}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    result = requests.post(f"{stack.worker.url}/generate", json=body, headers=headers, timeout=10).json()
    assert (result["success"], result["storage"], result["storage_error"]["storage"]) == (True, "local", "imgur")


def test_imgur_without_an_id_is_reported_before_a_picture_is_made(tmp_path):
    with running(tmp_path, ready=False, STORAGE="imgur") as stack:
        response = stack.get(prompt="a tree")
        assert (response.status_code, response.json()["code"]) == (500, "storage_not_configured")
        assert response.json()["error"] == "IMGUR_CLIENT_ID not configured."
        assert stack.requests_to("page") == stack.requests_to("verifyUser") == []
        assert stack.worker_health()["status"] == "degraded"


def test_a_picture_that_no_storage_keeps_is_an_error_with_every_reason(tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings = {"PERCHANCE_ROUTES": "package", "IMGUR_CLIENT_ID": CLIENT_ID, "STORAGE_REST_SECONDS": 60}
    with running(tmp_path / "file" / "folder", **settings) as stack:
        stack.play(imgur="over_capacity")
        responses = [stack.get(prompt="a tree") for _ in range(4)]
        for response in responses:
            assert (response.status_code, response.json()["code"]) == (502, "storage_failed")
            assert "over capacity" in response.json()["error"]
            assert "LOCAL_STORAGE_DIR" in response.json()["error"]
        # Two failures open the circuit breakers: nothing more is made.
        assert len(stack.requests_to("generate")) == len(stack.requests_to("imgur")) == 2
        assert 1 <= int(responses[-1].headers["Retry-After"]) <= 60
        health = stack.worker_health()
        assert (health["status"], health["ready"]) == ("degraded", False)
        wait_until(lambda: stack.get("/ready").status_code == 503, "the end of the cached readiness")


def test_nothing_is_made_while_the_only_storage_cannot_be_written_to(tmp_path):
    folder = tmp_path / "images"
    with running(folder, PERCHANCE_ROUTES="package") as stack:
        folder.rmdir()
        folder.write_text("in the way")
        response = stack.get(prompt="a tree")
        assert (response.status_code, response.json()["code"]) == (502, "storage_failed")
        assert stack.requests_to("generate") == stack.requests_to("verifyUser") == []
        folder.unlink()
        # A reason is shared for a moment: see render_worker/storages/preflight.py.
        wait_until(lambda: stack.get(prompt="a tree").status_code == 200, "a picture again", 10)
        assert stack.get(prompt="a tree").json()["storage"] == "local"


def test_an_imgur_out_of_reach_costs_one_picture_its_time(tmp_path):
    with running(tmp_path, IMGUR_CLIENT_ID=CLIENT_ID, IMGUR_UPLOAD_SECONDS=2, STORAGE_REST_SECONDS=60) as stack:
        stack.play(imgur="hang")
        found = [stack.get(prompt=f"tree {number}", model="sketch").json()["storage_error"] for number in range(4)]
        assert [problem["code"] for problem in found] == ["imgur_timeout"] + ["storage_resting"] * 3
        assert len(stack.requests_to("imgur")) == 1
        assert any(reason.startswith("imgur: resting until") for reason in stack.worker_health()["reasons"])


@pytest.fixture(scope="module")
def s3_server():
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def three_stack(tmp_path_factory, s3_server):
    settings = {name.upper(): value for name, value in s3_server.settings().items()}
    folder = tmp_path_factory.mktemp("images")
    with running(folder, STORAGE="imgur,s3", IMGUR_CLIENT_ID=CLIENT_ID, IMGUR_UPLOAD_SECONDS=60, **settings) as stack:
        yield stack


def worker_s_own(renderer, **wanted: object) -> dict:
    """Send a request straight to a worker; return the body of its response."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"prompt": "a tree", "model": "sketch", **wanted}
    return requests.post(f"{renderer.url}/generate", json=body, headers=headers, timeout=30).json()


LIMITS = {"too_fast", "too_many", "gateway", "limit_in_seconds", "limit_absurd", "limit_as_moment"}
CODES = {
    **dict.fromkeys(sorted(REFUSALS.keys() - LIMITS - {"over_capacity"}), "imgur_refused"),
    "over_capacity": "imgur_unavailable",
    "html_503": "imgur_unavailable",
    "html_404": "imgur_unexpected_reply",
    "no_link": "imgur_unexpected_reply",
}


@pytest.mark.parametrize("imgur", CODES)
def test_whatever_imgur_refuses_is_kept_by_s3(three_stack, s3_server, imgur):
    reset(three_stack).play(imgur=imgur)
    body = three_stack.get(prompt="a tree", model="sketch", seed=7, cache="false").json()
    assert (body["storage"], body["storage_error"]["storage"]) == ("s3", "imgur")
    assert body["storage_error"]["code"] == CODES[imgur]
    assert f"{body['sha256']}.png" in s3_server.names()
    assert s3_server.follow(body["image_url"]).headers["Content-Type"] == "image/png"
    assert body["expires_at"] > body["created_at"]
    log = three_stack.worker.log()
    assert f"imgur did not save a picture: {CODES[imgur]}" in log
    assert not [secret for secret in (CLIENT_ID, s3_server.secret, "X-Amz-Signature") if secret in log]


def test_an_imgur_that_hangs_leaves_s3_its_share_of_the_deadline(three_stack):
    reset(three_stack).play(imgur="hang")
    result = worker_s_own(three_stack.worker, timeout_seconds=6)
    assert (result["storage"], result["storage_error"]["storage"]) == ("s3", "imgur")


@pytest.mark.parametrize("imgur", ["limit_in_seconds", "limit_as_moment"])
def test_a_limited_imgur_gets_no_request_while_s3_keeps_the_pictures(three_stack, imgur):
    reset(three_stack).play(imgur=imgur)
    found = [worker_s_own(three_stack.worker) for _ in range(2)]
    assert {(body["storage"], body["storage_error"]["code"]) for body in found} == {("s3", "imgur_rate_limited")}
    assert len(three_stack.requests_to("imgur")) == 1


@pytest.mark.parametrize("imgur", sorted(LIMITS - {"limit_in_seconds", "limit_as_moment"}))
def test_a_long_limit_of_imgur_costs_no_picture(three_stack, tmp_path, s3_server, imgur):
    """Use a worker of its own, because the circuit breaker stays open for longer than the test lasts."""
    reset(three_stack).play(imgur=imgur)
    settings = {name.upper(): value for name, value in s3_server.settings().items()}
    own = worker_settings(three_stack.sandbox, tmp_path, STORAGE="imgur,s3", IMGUR_CLIENT_ID=CLIENT_ID, **settings)
    with worker(**own) as renderer:
        result = worker_s_own(renderer)
    assert (result["storage"], result["storage_error"]["code"]) == ("s3", "imgur_rate_limited")
    assert result["storage_error"]["retry_after"] > 2


def test_cloudinary_keeps_pictures_and_what_it_refuses_is_kept_locally(tmp_path):
    with running(tmp_path, STORAGE="cloudinary", CLOUDINARY_URL=CLOUDINARY_URL) as stack:
        body = stack.get(prompt="a tree", model="sketch").json()
        assert (body["storage"], stack.picture(body["image_url"]).size) == ("cloudinary", (768, 768))
        stack.play(cloudinary="rate_limited")
        body = stack.get(prompt="a tree", model="sketch").json()
        assert (body["storage"], body["storage_error"]["code"]) == ("local", "cloudinary_rate_limited")
        assert SECRET not in stack.worker.log()


def test_what_the_operator_deletes_stays_deleted_until_it_is_made_anew(tmp_path):
    with running(tmp_path) as stack:
        seeded = {"prompt": "a tree", "model": "sketch", "seed": 7}
        body = stack.get(**seeded).json()
        environment = clean_environment(LOCAL_STORAGE_DIR=tmp_path)
        command = [sys.executable, "-m", "render_worker.delete", body["image_url"]]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (0, f"{body['image_url']}  local: deleted\n")
        paths = [f"/images/{body['sha256']}.png"] * 2
        responses = [stack.get("/generate.png", **seeded), *map(stack.get, paths)]
        assert {(response.status_code, response.json()["code"]) for response in responses} == {(410, "picture_deleted")}
        again = stack.get(**seeded)
        assert (again.headers["X-Cache"], again.json()["sha256"]) == ("MISS", body["sha256"])
        assert stack.picture(again.json()["image_url"]).size == (768, 768)
