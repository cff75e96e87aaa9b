"""Which storage keeps a picture, and what the answer says of it."""

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, running, well

CLIENT_ID = "the-client-id"


@pytest.fixture(scope="module")
def imgur_stack(tmp_path_factory):
    with running(tmp_path_factory.mktemp("images"), IMGUR_CLIENT_ID=CLIENT_ID) as stack:
        yield stack


@pytest.fixture
def stack(imgur_stack):
    return well(imgur_stack)


def test_with_an_id_pictures_go_to_imgur(stack):
    body = stack.get(prompt="a tree").json()
    assert body["storage"] == "imgur"
    assert body["image_url"].startswith(f"{stack.sandbox.url}/i.imgur.com/")
    assert "deletehash" not in str(body)
    image = stack.picture(body["image_url"])
    assert (image.size, image.text["prompt"]) == ((768, 768), "a tree")
    assert "deletehash" in stack.worker.log()
    assert CLIENT_ID not in stack.worker.log() + stack.api.log()


def test_an_image_tag_is_redirected_to_imgur(stack):
    answer = stack.get(prompt="a tree", model="sketch", headers={"Accept": "image/png"})
    assert answer.headers["Location"].startswith(f"{stack.sandbox.url}/i.imgur.com/")


@pytest.mark.parametrize(
    ("imgur", "code"),
    [("over_capacity", "imgur_unavailable"), ("html_503", "imgur_unavailable"), ("invalid_token", "imgur_refused")],
)
def test_what_imgur_refuses_is_kept_locally_and_the_answer_says_so(stack, imgur, code):
    stack.play(imgur=imgur)
    answer = stack.get(prompt="a tree", model="sketch")
    body = answer.json()
    assert (answer.status_code, body["storage"]) == (200, "local")
    assert (body["storage_error"]["storage"], body["storage_error"]["code"]) == ("imgur", code)
    assert stack.picture(body["image_url"]).size == (768, 768)


def test_a_rate_limit_of_imgur_is_told_and_left_in_peace(stack):
    stack.play(imgur="limit_in_seconds")
    first = stack.get(prompt="a tree", model="sketch").json()
    again = stack.get(prompt="a tree", model="sketch").json()
    assert (first["storage"], again["storage"]) == ("local", "local")
    assert 1 <= again["storage_error"]["retry_after"] <= 2
    assert len(stack.asked("imgur")) == 1
    assert any("imgur" in reason for reason in stack.worker_health()["reasons"])


def test_an_upload_that_outlasts_the_deadline_leaves_the_picture_to_the_local_folder(stack):
    stack.play(imgur="hang")
    body = {"prompt": "a tree", "model": "sketch", "timeout_seconds": 3}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    result = requests.post(f"{stack.worker.url}/generate", json=body, headers=headers, timeout=10).json()
    assert (result["success"], result["storage"], result["storage_error"]["storage"]) == (True, "local", "imgur")


def test_imgur_without_an_id_is_said_before_a_picture_is_made(tmp_path):
    with running(tmp_path, ready=False, STORAGE="imgur") as stack:
        answer = stack.get(prompt="a tree")
        assert (answer.status_code, answer.json()["code"]) == (500, "storage_not_configured")
        assert answer.json()["error"] == "IMGUR_CLIENT_ID not configured."
        assert stack.asked("page") == stack.asked("verifyUser") == []
        assert stack.worker_health()["status"] == "degraded"


def test_a_picture_that_no_storage_keeps_is_an_error_with_every_reason(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with running(tmp_path / "file" / "folder", IMGUR_CLIENT_ID=CLIENT_ID) as stack:
        stack.play(imgur="over_capacity")
        answer = stack.get(prompt="a tree", model="sketch")
        assert (answer.status_code, answer.json()["code"]) == (502, "storage_failed")
        assert "over capacity" in answer.json()["error"]
        assert "LOCAL_STORAGE_DIR" in answer.json()["error"]
