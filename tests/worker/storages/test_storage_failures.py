"""Failures of storages that are services: each has a code, a sentence with the storage's name, and no secret."""

import asyncio
import traceback
from functools import partial

import pytest
import requests

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import STORAGES
from render_worker.storages.base import Storage
from render_worker.storages.errors import StorageFailed, StorageNotConfigured
from sandbox.cloudinary import CLOUDINARY_URL, KEY, SECRET
from tests.fakes.gcs_server import GcsServer, key_file, new_key
from tests.fakes.processes import free_port, sandbox
from tests.fakes.s3_server import S3Server
from tests.fakes.scripted_server import ScriptedServer

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
TITLES = {"s3": "S3", "gcs": "Google Cloud Storage", "cloudinary": "Cloudinary"}
SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>secret-of-the-service</Message></Error>"


@pytest.fixture(scope="module")
def scripted():
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def amazon():
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def google(tmp_path_factory):
    with GcsServer(tmp_path_factory.mktemp("google")) as server:
        yield server


@pytest.fixture
def storage_at(google):
    """Return what makes a storage whose service is at an address, with short timeouts."""

    def storage(name: str, url: str, **changes: object) -> Storage:
        known = {
            "s3_bucket": "pictures",
            "s3_endpoint": url,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "google_cloud_bucket": "pictures",
            "google_application_credentials": google.key_file,
            "gcs_url": url,
            "cloudinary_url": CLOUDINARY_URL,
            "cloudinary_api_url": f"{url}/v1_1",
            "bucket_seconds": 4,
        }
        return STORAGES[name].load()(Settings(**{**known, **changes}))

    return storage


@pytest.fixture
def failure(caplog):
    """Return what saves, asserts that this fails without a secret in the log or traceback, and returns the error."""

    def fail(storage: Storage, secrets: tuple[str, ...] = ()) -> StorageFailed:
        with pytest.raises(StorageFailed) as caught:
            asyncio.run(storage.save(PICTURE))
        seen = caplog.text + "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in (SECRET, "secret-of-the-service", "Signature=", *secrets) if secret in seen]
        assert str(caught.value).startswith(TITLES[storage.name])
        assert KEY not in str(caught.value)
        return caught.value

    return fail


@pytest.mark.parametrize("name", ["s3", "gcs"])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>", "refused"),
        (401, b"", "refused"),
        (403, b"<Error><Code>AccessDenied</Code></Error>", "refused"),
        (404, b"<Error><Code>NoSuchBucket</Code></Error>", "not_found"),
        (409, b"", "refused"),
        (413, b"<html>secret-of-the-service", "refused"),
        (418, b"", "refused"),
        (429, b"", "rate_limited"),
        (500, b"<html>secret-of-the-service", "unavailable"),
        (503, SLOW_DOWN, "rate_limited"),
        (507, b"", "unavailable"),
        (301, b"", "redirected"),
    ],
)
def test_each_refusal_of_a_bucket_has_its_code(name, status, body, kind, storage_at, scripted, failure):
    scripted.say(status, body)
    assert failure(storage_at(name, scripted.url)).code == f"{name}_{kind}"


@pytest.mark.parametrize("name", TITLES)
def test_a_redirect_carries_no_key_to_another_host(name, storage_at, scripted, failure):
    """The library follows it if a request has no body, without the key; the picture is not sent to another host."""
    with ScriptedServer() as other:
        other.say(404)
        scripted.say(307, Location=f"{other.url}/elsewhere")
        kind = "unexpected_reply" if name == "cloudinary" else "redirected"
        assert failure(storage_at(name, scripted.url)).code == f"{name}_{kind}"
        assert {method for method, _ in other.asked} <= {"HEAD"}
        assert not other.authorized


def test_a_response_of_another_server_is_no_upload(storage_at, scripted, failure):
    scripted.say(200, b"<!DOCTYPE html><title>Welcome</title>")
    assert failure(storage_at("s3", scripted.url)).code == "s3_unexpected_reply"
    assert failure(storage_at("gcs", scripted.url)).code == "gcs_unexpected_reply"
    assert failure(storage_at("cloudinary", scripted.url)).code == "cloudinary_unexpected_reply"


@pytest.mark.parametrize("name", TITLES)
def test_one_that_hangs_is_given_up_and_hung_up_on(name, storage_at, scripted, failure):
    scripted.say(200, hang=True)
    found = failure(storage_at(name, scripted.url))
    assert found.code == f"{name}_timeout"
    assert "within 4 seconds" in str(found)
    assert scripted.hung_up.wait(30)


@pytest.mark.parametrize("name", TITLES)
def test_a_client_that_gives_up_ends_the_upload(name, storage_at, scripted):
    scripted.say(200, hang=True)

    async def give_up() -> None:
        async with asyncio.timeout(0.3):
            await storage_at(name, scripted.url, bucket_seconds=60).save(PICTURE)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert scripted.hung_up.wait(30)


@pytest.mark.parametrize("name", TITLES)
def test_one_out_of_reach_is_said(name, storage_at, failure):
    found = failure(storage_at(name, f"http://127.0.0.1:{free_port()}", bucket_seconds=5))
    assert (found.code, str(found)) == (f"{name}_unreachable", f"{TITLES[name]} cannot be reached.")


@pytest.mark.parametrize("name", TITLES)
def test_a_deletion_fails_by_the_same_codes(name, storage_at, scripted):
    scripted.say(500)
    with pytest.raises(StorageFailed) as caught:
        asyncio.run(storage_at(name, scripted.url).delete(PICTURE.name))
    assert caught.value.code == f"{name}_unavailable"


def test_one_that_another_deletes_first_is_not_there(storage_at, scripted):
    scripted.say_to("HEAD", 403)
    scripted.say_to("DELETE", 404)
    assert not asyncio.run(storage_at("gcs", scripted.url).delete(PICTURE.name))


@pytest.mark.parametrize("name", TITLES)
def test_the_environment_s_proxies_and_keys_are_not_used(name, storage_at, amazon, google, monkeypatch, site):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(variable.lower(), f"http://127.0.0.1:{free_port()}")
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "GOOGLE_BASE_URL", "GOOGLE_SERVICE_ACCOUNT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    amazons = STORAGES["s3"].load()(Settings(**amazon.settings()))
    storage = amazons if name == "s3" else storage_at(name, google.url if name == "gcs" else site.url)
    stored = asyncio.run(storage.save(PICTURE))
    monkeypatch.undo()
    follow = amazon.follow if name == "s3" else partial(requests.get, timeout=5)
    assert follow(stored.url).content == PICTURE.data


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"aws_access_key_id": "AKIAOFNOBODY"}, "refused"),
        ({"aws_secret_access_key": "a-wrong-secret"}, "refused"),
        ({"s3_bucket": "no-such-bucket"}, "not_found"),
    ],
)
def test_what_s3_does_not_know(failure, amazon, changes, kind):
    found = failure(STORAGES["s3"].load()(Settings(**amazon.settings(**changes))), (amazon.secret, "a-wrong-secret"))
    assert found.code == f"s3_{kind}"


def test_a_key_that_may_only_write_is_enough_for_s3(amazon):
    key_id, secret = amazon.user("writer", "PutObject")
    mine = {"aws_access_key_id": key_id, "aws_secret_access_key": secret, "s3_public_url": "https://x.y"}
    storage = STORAGES["s3"].load()(Settings(**amazon.settings(**mine)))
    another = Picture(PICTURE.data, 1, 1, "b" * 64)
    assert asyncio.run(storage.save(another)).url == f"https://x.y/{another.name}"
    assert another.name in amazon.names()
    with pytest.raises(StorageFailed, match="does not accept this server's key"):
        asyncio.run(storage.delete(another.name))


@pytest.mark.parametrize("wrong", ["key", "bucket"])
def test_what_google_does_not_know(failure, google, tmp_path, wrong):
    wrong_key = {"google_application_credentials": key_file(tmp_path / "wrong.json", new_key())}
    changes = wrong_key if wrong == "key" else {"google_cloud_bucket": "no-such-bucket"}
    found = failure(STORAGES["gcs"].load()(Settings(**google.settings(**changes))), ("PRIVATE KEY", "eyJ"))
    assert found.code == ("gcs_refused" if wrong == "key" else "gcs_not_found")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "no service account's key"),
        ('{"type": "authorized_user", "refresh_token": "secret-of-the-file"}', "no service account's key"),
    ],
)
def test_a_key_file_that_is_none_is_said_before_a_picture_is_made(google, tmp_path, text, words):
    path = tmp_path / "key.json"
    if text is not None:
        path.write_text(text)
    storage = STORAGES["gcs"].load()(Settings(**google.settings(google_application_credentials=path)))
    with pytest.raises(StorageNotConfigured, match=words) as caught:
        storage.check()
    assert "secret-of-the-file" not in str(caught.value)


def test_a_private_key_that_is_none_is_a_failure_like_others(google, tmp_path, failure):
    path = key_file(tmp_path / "key.json", new_key(), private_key="nonsense")
    found = failure(
        STORAGES["gcs"].load()(Settings(**google.settings(google_application_credentials=path))), ("nonsense",)
    )
    assert found.code == "gcs_misconfigured"


def test_a_host_for_each_bucket(storage_at, scripted):
    scripted.say(200, ETag='"x"')
    local = scripted.url.replace("127.0.0.1", "localhost")
    storage = storage_at("s3", local, s3_path_style=False, s3_bucket="pictures")
    assert storage._virtual_host() == local.replace("localhost", "pictures.localhost")
    amazon = STORAGES["s3"].load()(Settings(s3_bucket="pictures", s3_region="eu-central-1", s3_path_style=False))
    assert amazon._virtual_host() == "https://pictures.s3.eu-central-1.amazonaws.com"
