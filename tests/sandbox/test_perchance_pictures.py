"""Perchance's ways to a picture as the sandbox plays them: the single-use link above all."""

import concurrent.futures
import time

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.fakes.processes import Server, sandbox, wait_until


class From127002(HTTPAdapter):
    """Sends requests from another of this machine's loopback addresses."""

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=("127.0.0.2", 0), **options)


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(autouse=True)
def well(site: Server):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()


def play(site: Server, **scenario: object) -> None:
    requests.post(f"{site.url}/sandbox", json=scenario, timeout=5).raise_for_status()


def key(site: Server) -> str:
    return requests.get(f"{site.url}/api/verifyUser?thread=0", timeout=5).json()["userKey"]


def generate(site: Server, user_key: str) -> dict:
    body = {"prompt": "a tree", "negativePrompt": "", "seed": -1, "resolution": "512x512", "guidanceScale": 7}
    return requests.post(f"{site.url}/api/generate?userKey={user_key}", json=body, timeout=30).json()


def link(site: Server, **scenario: object) -> str:
    play(site, announces="link", **scenario)
    found = generate(site, key(site))["imageDownloadUrl"]
    assert found.startswith("/api/downloadTemporaryImageViaProxy?t=v1.")
    return site.url + found


def test_a_link_is_good_once(site):
    address = link(site)
    first, second = (requests.get(address, timeout=5) for _ in range(2))
    assert (first.status_code, first.headers["Content-Type"], second.status_code) == (200, "image/jpeg", 403)
    assert first.headers["Cache-Control"] == "no-store,max-age=0"


def test_a_link_is_of_no_use_to_another_address_and_stays_good_for_its_own(site):
    address = link(site)
    with requests.Session() as elsewhere:
        elsewhere.mount("http://", From127002())
        assert elsewhere.get(address, timeout=5).status_code == 403
    assert requests.get(address, timeout=5).status_code == 200


def test_a_link_expires(site):
    address = link(site, link_seconds=0.01)
    time.sleep(0.02)
    assert requests.get(address, timeout=5).status_code == 403


def test_a_token_that_was_never_given_is_refused(site):
    assert requests.get(f"{site.url}/api/downloadTemporaryImageViaProxy?t=v1.a.b", timeout=5).status_code == 403


def test_the_site_tells_whether_a_key_s_picture_is_being_made(site):
    user_key = key(site)
    address = f"{site.url}/api/awaitExistingGenerationRequest?userKey="

    def told() -> str:
        reply = requests.get(address + user_key, timeout=5)
        assert len(reply.content) == 20  # as in every capture
        return reply.json()["status"]

    assert told() == "success"
    play(site, delay=0.6)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        picture = clients.submit(generate, site, user_key)
        wait_until(lambda: told() == "pending", "the picture's begin")
        assert generate(site, user_key) == {"status": "waiting_for_prev_request_to_finish"}
        assert picture.result()["status"] == "success"
    assert told() == "success"
    assert requests.get(address + "another", timeout=5).json() == {"status": "invalid_key"}
