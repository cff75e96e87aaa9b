"""Cloudinary's storage against a stand-in that checks each signature and gives the responses that are known of it."""

import asyncio
import hashlib
import traceback

import pytest
import requests

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages.cloudinary.storage import CloudinaryStorage, signature
from render_worker.storages.errors import StorageFailed, StorageNotConfigured
from sandbox.cloudinary import CLOUD, CLOUDINARY_URL, KEY, REFUSALS, SECRET
from tests.fakes.processes import sandbox
from tests.fakes.scripted_server import ScriptedServer

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture
def storage_with(site):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()

    def storage(**settings: object) -> CloudinaryStorage:
        known = {"cloudinary_url": CLOUDINARY_URL, "cloudinary_api_url": f"{site.url}/v1_1", "bucket_seconds": 4}
        return CloudinaryStorage(Settings(**{**known, **settings}))

    return storage


@pytest.fixture
def failure(caplog):
    """Return what saves, asserts that this fails without a secret in the log or traceback, and returns the error."""

    def fail(storage: CloudinaryStorage) -> StorageFailed:
        with pytest.raises(StorageFailed, match="Cloudinary ") as caught:
            asyncio.run(storage.save(PICTURE))
        seen = caplog.text + "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in (SECRET, "a-wrong-secret", KEY, "0a1b") if secret in seen]
        return caught.value

    return fail


def test_it_works(storage_with):
    stored = asyncio.run(storage_with(bucket_prefix="pictures/").save(PICTURE))
    assert stored.url.endswith(f"/{CLOUD}/image/upload/v1/pictures/{PICTURE.name}")
    assert requests.get(stored.url, timeout=5).content == PICTURE.data


def test_the_signature_is_of_the_sorted_fields_and_the_secret():
    """The fields are those of the example in its documents."""
    fields = {"timestamp": "1315060510", "public_id": "sample_image", "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop"}
    signed = "eager=w_400,h_300,c_pad|w_260,h_200,c_crop&public_id=sample_image&timestamp=1315060510abcd"
    assert signature(fields, "abcd") == hashlib.sha256(signed.encode()).hexdigest()


@pytest.mark.parametrize(
    ("played", "kind"),
    [
        ("unknown_key", "refused"),
        ("invalid_signature", "refused"),
        ("invalid_cloud", "refused"),
        ("not_allowed", "refused"),
        ("bad_file", "refused"),
        ("too_large", "refused"),
        ("rate_limited", "rate_limited"),
        ("too_many", "rate_limited"),
        ("error_500", "unavailable"),
        ("html_503", "unavailable"),
        ("teapot", "unexpected_reply"),
        ("no_link", "unexpected_reply"),
        ("elsewhere", "unexpected_reply"),
        ("hang", "timeout"),
    ],
)
def test_each_refusal_has_its_code(storage_with, site, failure, played, kind):
    storage = storage_with()
    requests.post(f"{site.url}/sandbox", json={"cloudinary": played}, timeout=5).raise_for_status()
    found = failure(storage)
    assert found.code == f"cloudinary_{kind}"
    if played in ("bad_file", "too_large"):
        assert REFUSALS[played][1].rstrip(".") in str(found)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (f"cloudinary://{KEY}:a-wrong-secret@{CLOUD}", "refused"),
        (f"cloudinary://42:{SECRET}@{CLOUD}", "refused"),
        (f"cloudinary://{KEY}:{SECRET}@no-such-cloud", "not_found"),
    ],
)
def test_a_wrong_account(storage_with, failure, address, kind):
    found = failure(storage_with(cloudinary_url=address))
    assert found.code == f"cloudinary_{kind}"
    assert ("CLOUDINARY_URL" in str(found)) == (kind == "not_found")


def test_a_file_that_is_no_picture_is_refused(storage_with):
    with pytest.raises(StorageFailed, match="Invalid image file"):
        asyncio.run(storage_with().save(Picture(b"no picture", 1, 1, "b" * 64)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"secure_url": 5}',
        b'{"secure_url": "javascript:alert(1)"}',
        b'{"secure_url": "https://x.y/\\n"}',
        b"<!DOCTYPE html>",
        b"x" * 1_000_000,
    ],
)
def test_an_absurd_answer_is_a_failure_like_others(storage_with, failure, body):
    with ScriptedServer() as server:
        server.say(200, body)
        assert failure(storage_with(cloudinary_api_url=server.url)).code == "cloudinary_unexpected_reply"


@pytest.mark.parametrize(
    "address", ["https://api.cloudinary.com", "cloudinary://key@cloud", "cloudinary://k:s@a.b/../c"]
)
def test_an_address_that_is_none_is_said_before_a_picture_is_made(address):
    with pytest.raises(StorageNotConfigured, match="must be like cloudinary://key:secret@cloud"):
        CloudinaryStorage(Settings(cloudinary_url=address)).check()
