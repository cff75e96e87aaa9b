"""The environment variables that the buckets' library reads by itself change no request."""

import asyncio
import os
import re
from pathlib import Path

import obstore
import pytest

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import STORAGES
from render_worker.storages.errors import StorageFailed
from tests.fakes.gcs_server import key_file, new_key
from tests.fakes.scripted_server import ScriptedServer

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
STUBS = Path(obstore.__file__).parent / "_store"
PREFIXES = {"s3": "AWS_", "gcs": "GOOGLE_"}
VALUES = ("true", "of-somebody-else", "http://127.0.0.1:1")  # a switch, a secret and an address
CHANGING = ("date", "x-amz-date")


def variables(name: str) -> list[str]:
    """Return every variable that the library documents, and that of a Google key, which it does not document."""
    stubs = {"s3": "_aws.pyi", "gcs": "_gcs.pyi"}[name]
    text = (STUBS / stubs).read_text().partition("Config(TypedDict")[2].partition("\nclass ")[0]
    text += (STUBS / "_client.pyi").read_text()
    known = {key.upper().removeprefix(PREFIXES[name]) for key in re.findall(r"^    (\w+): ", text, re.MULTILINE)}
    told = re.findall(rf"`{PREFIXES[name]}(\w+)`", text)
    return [PREFIXES[name] + key for key in sorted(known | set(told))] + ["SERVICE_ACCOUNT"]


@pytest.fixture(scope="module")
def server():
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="module")
def google_key(tmp_path_factory):
    return key_file(tmp_path_factory.mktemp("google") / "key.json", new_key())


@pytest.fixture
def requests_of(server, google_key):
    """Return what saves a picture and returns the error and the requests, without what differs between any two."""

    def ask(name: str) -> list[object]:
        server.say(404)
        known = {"s3_bucket": "pictures", "s3_endpoint": server.url, "aws_access_key_id": "KEY"}
        known |= {"google_cloud_bucket": "pictures", "google_application_credentials": google_key}
        settings = Settings(**known, aws_secret_access_key="SECRET", gcs_url=server.url, bucket_seconds=5)
        with pytest.raises(StorageFailed) as caught:
            asyncio.run(STORAGES[name].load()(settings).save(PICTURE))
        heads = [{key: text for key, text in head.items() if key not in CHANGING} for head in server.heads]
        for head in heads:  # the key and what is signed, or the beginning of the token, which names its key
            head["authorization"] = re.split(r"Signature=|\.", head["authorization"])[0]
        return [str(caught.value), *server.asked, *heads]

    return ask


@pytest.mark.parametrize("name", PREFIXES)
def test_no_variable_of_the_library_s_changes_what_is_asked(name, requests_of, monkeypatch):
    expected = requests_of(name)
    assert [method for method, _ in expected[1:3]] == ["HEAD", "PUT"]
    found = variables(name)
    assert len(found) > 25
    for variable in found:
        for value in VALUES:
            with monkeypatch.context() as patch:
                patch.setenv(variable, value)
                assert requests_of(name) == expected, (variable, value)
                assert os.environ[variable] == value


@pytest.mark.parametrize("name", PREFIXES)
def test_nor_do_all_of_them_together(name, requests_of, monkeypatch):
    expected = requests_of(name)
    for variable in variables(name):
        monkeypatch.setenv(variable, "true")
    assert requests_of(name) == expected
