"""Imgur's storage against a stand-in that gives every response that Imgur was seen to give."""

import asyncio
import logging
import time

import pytest
import requests

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import StorageFailed, StorageNotConfigured
from render_worker.storages.imgur.storage import ImgurStorage
from tests.fakes.processes import free_port, sandbox

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
SECRET = "the-client-id"


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture
def storage(site):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
    return ImgurStorage(Settings(imgur_client_id=SECRET, imgur_api_url=f"{site.url}/3", imgur_upload_seconds=4))


def play(site, behaviour: str) -> None:
    requests.post(f"{site.url}/sandbox", json={"imgur": behaviour}, timeout=5).raise_for_status()


def refused(storage) -> StorageFailed:
    with pytest.raises(StorageFailed) as caught:
        asyncio.run(storage.save(PICTURE))
    return caught.value


def limited(storages: StorageChain) -> StorageFailed:
    with pytest.raises(StorageFailed, match="Imgur limits how often") as caught:
        asyncio.run(storages.save(PICTURE, 9))
    return caught.value


def test_it_works(storage, site, caplog):
    with caplog.at_level(logging.INFO):
        stored = asyncio.run(storage.save(PICTURE))
    assert stored.content_type == "image/png"
    assert requests.get(stored.url, timeout=5).content == PICTURE.data
    assert "deletehash" in caplog.text
    assert SECRET not in caplog.text


def test_the_type_is_what_imgur_stored(storage, site):
    play(site, "ok_jpeg")
    stored = asyncio.run(storage.save(PICTURE))
    assert (stored.content_type, stored.url[-4:]) == ("image/jpeg", ".jpg")


def test_a_jpeg_is_uploaded_as_one(storage):
    stored = asyncio.run(storage.save(Picture(b"JPEG and so on", 1, 1, "a" * 64, "jpeg")))
    assert (stored.content_type, stored.url[-4:]) == ("image/jpeg", ".jpg")


def test_a_webp_is_declined_without_asking_imgur(storage, site):
    with pytest.raises(StorageFailed, match="Imgur takes no webp pictures") as caught:
        asyncio.run(storage.save(Picture(b"WebP and so on", 1, 1, "a" * 64, "webp")))
    assert caught.value.code == "imgur_unsupported_format"
    assert requests.get(f"{site.url}/sandbox/log", timeout=5).json() == []


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("invalid_token", "imgur_refused", 'HTTP 403: "The access token provided is invalid"'),
        ("over_capacity", "imgur_unavailable", "over capacity"),
        ("forbidden_actions", "imgur_refused", "These actions are forbidden"),
        ("file_type", "imgur_refused", "File type invalid"),
        ("file_size", "imgur_refused", "over the size limit"),
        ("invalid_client", "imgur_refused", "Invalid client_id"),
        ("html_503", "imgur_unavailable", "HTTP 503"),
        ("html_404", "imgur_unexpected_reply", "HTTP 404"),
        ("no_link", "imgur_unexpected_reply", "without the address"),
        ("hang", "imgur_timeout", "within 4 seconds"),
    ],
)
def test_each_refusal_has_its_code_and_imgur_s_words(storage, site, behaviour, code, words):
    play(site, behaviour)
    failure = refused(storage)
    assert failure.code == code
    assert words in str(failure)
    assert storage.unavailable_reason() is None  # what failed a moment ago is the breaker's business


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [
        ("too_fast", 59 * 60),
        ("too_many", 3600),
        ("gateway", 3600),
        ("limit_in_seconds", 2),
        ("limit_as_moment", 2),
        ("limit_absurd", 86_400),
    ],
)
def test_after_a_rate_limit_imgur_is_left_alone_until_it_has_passed(storage, site, behaviour, seconds):
    play(site, behaviour)
    storages = StorageChain(storage)
    failure = limited(storages)
    assert seconds - 1 <= failure.retry_after <= seconds
    play(site, "ok")
    assert limited(storages).retry_after <= failure.retry_after
    asked = [
        entry for entry in requests.get(f"{site.url}/sandbox/log", timeout=5).json() if entry["endpoint"] == "imgur"
    ]
    assert len(asked) == 1
    assert "imgur: resting until" in storages.unavailable_reasons()[0]
    if seconds <= 2:
        time.sleep(2)
        assert asyncio.run(storages.save(PICTURE, 9)).storage == "imgur"


def test_an_imgur_out_of_reach_is_said():
    storage = ImgurStorage(Settings(imgur_client_id=SECRET, imgur_api_url=f"http://127.0.0.1:{free_port()}/3"))
    assert refused(storage).code == "imgur_unreachable"


def test_without_an_id_it_is_not_configured():
    with pytest.raises(StorageNotConfigured, match="IMGUR_CLIENT_ID not configured"):
        ImgurStorage(Settings(storage="imgur")).check()
