"""The sandbox's Hub, in the shapes that huggingface_hub 2.4.0 reads."""

import hashlib

import pytest
import requests

from tests.fakes.processes import sandbox

WEIGHTS = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    (folder / "ann/tiny/unet").mkdir(parents=True)
    (folder / "ann/tiny/model_index.json").write_text("{}")
    (folder / "ann/tiny/unet/weights.safetensors").write_bytes(WEIGHTS)
    (folder / "secret").write_text("of no model")
    with sandbox(SANDBOX_HUB_FOLDER=folder) as server:
        yield server


@pytest.fixture(autouse=True)
def _well(site):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()


def play(site, **scenario: object) -> None:
    requests.post(f"{site.url}/sandbox", json=scenario, timeout=5).raise_for_status()


def ask(site, path: str, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(method, f"{site.url}/hub/{path}", headers=headers, timeout=5, allow_redirects=False)


@pytest.mark.parametrize(
    ("kind", "role"),
    [("read", "read"), ("write", "write"), ("fine", "fineGrained"), ("org", "read"), ("steward", "steward")],
)
def test_a_token_says_what_it_is(site, kind, role):
    found = ask(site, "api/whoami-v2", Authorization=f"Bearer hf_{kind}_ann").json()
    assert (found["name"], found["auth"]["accessToken"]["role"]) == ("ann", role)
    assert found["type"] == ("org" if kind == "org" else "user")


def test_the_grants_of_a_fine_grained_token_name_their_entities(site):
    token = ask(site, "api/whoami-v2", Authorization="Bearer hf_fine_ann").json()["auth"]["accessToken"]
    (own,) = token["fineGrained"]["scoped"]
    assert (own["entity"]["type"], own["entity"]["name"], own["permissions"]) == ("user", "ann", ["repo.content.read"])


def test_a_token_of_oauth_is_no_access_token(site):
    assert "accessToken" not in ask(site, "api/whoami-v2", Authorization="Bearer hf_oauth_ann").json()["auth"]


@pytest.mark.parametrize("header", ["", "Bearer hf_", "Bearer hf_unknown_ann", "hf_read_ann", "Basic hf_read_ann"])
def test_any_other_token_is_unknown(site, header):
    answer = ask(site, "api/whoami-v2", Authorization=header)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid user token."})


def test_the_files_of_a_model_are_listed(site):
    found = ask(site, "api/models/ann/tiny/revision/main").json()
    assert found["siblings"] == [{"rfilename": "model_index.json"}, {"rfilename": "unet/weights.safetensors"}]
    tree = ask(site, f"api/models/ann/tiny/tree/{found['sha']}").json()
    assert [(it["path"], it["size"]) for it in tree] == [
        ("model_index.json", 2),
        ("unet/weights.safetensors", len(WEIGHTS)),
    ]


def test_a_file_comes_with_its_commit_and_its_digest(site):
    path = "ann/tiny/resolve/main/unet/weights.safetensors"
    head, whole = ask(site, path, "HEAD"), ask(site, path)
    assert whole.content == WEIGHTS
    assert head.headers["X-Repo-Commit"] == ask(site, "api/models/ann/tiny/revision/main").json()["sha"]
    assert head.headers["ETag"].strip('"') == hashlib.sha256(WEIGHTS).hexdigest()
    part = ask(site, path, Range="bytes=1000-")
    assert (part.status_code, part.content) == (206, WEIGHTS[1000:])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("api/models/ann/none/revision/main", "RepoNotFound"),
        ("api/models/../revision/main", "RepoNotFound"),
        ("ann/tiny/resolve/main/none.json", "EntryNotFound"),
        ("ann/tiny/resolve/main/%2e%2e/%2e%2e/secret", "EntryNotFound"),
        ("ann/none/resolve/main/x", "EntryNotFound"),
    ],
)
def test_what_is_not_there_is_not_found(site, path, code):
    answer = ask(site, path)
    assert (answer.status_code, answer.headers.get("X-Error-Code")) in ((404, code), (404, None))
    assert "of no model" not in answer.text


def test_a_file_can_break_off_in_the_middle(site):
    play(site, hub="cut", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(site, "ann/tiny/resolve/main/unet/weights.safetensors")
    assert ask(site, "ann/tiny/resolve/main/unet/weights.safetensors").content == WEIGHTS


@pytest.mark.parametrize("path", ["api/whoami-v2", "ann/tiny/resolve/main/model_index.json"])
def test_a_fault_is_played_at_either(site, path):
    play(site, hub="too_many")
    answer = ask(site, path, Authorization="Bearer hf_read_ann")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
