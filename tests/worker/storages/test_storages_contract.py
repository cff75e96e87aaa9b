"""The contract of every storage, each against a server of its kind."""

import asyncio
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests
from PIL import Image

from render_worker.imaging import to_picture
from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.sizes import SizePlan
from render_worker.storages import STORAGES
from render_worker.storages.base import Storage, StoredObject
from render_worker.worker import create_app
from sandbox.registry import STAND_INS
from tests.fakes.gcs_server import GcsServer
from tests.fakes.processes import sandbox
from tests.fakes.s3_server import S3Server
from tests.fakes.storages import BUCKETS, FAKED, KINDS, NAMED, REMOTE

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def s3_server():
    with S3Server() as server:
        server.keep_versions()
        yield server


@pytest.fixture(scope="module")
def gcs_server(tmp_path_factory):
    with GcsServer(tmp_path_factory.mktemp("google")) as server:
        yield server


@dataclass
class Fetched:
    """The response of an address."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Kind:
    """A storage with its server."""

    def __init__(self, storage: Storage, settings: Settings, follow: Callable[[str], requests.Response]) -> None:
        self.name, self.storage, self._follow = storage.name, storage, follow
        self._client = create_app(settings).test_client() if self.name == "local" else None

    def save(self, picture: Picture) -> StoredObject:
        return asyncio.run(self.storage.save(picture))

    def delete(self, reference: str) -> bool:
        return asyncio.run(self.storage.delete(reference))

    def get(self, stored: StoredObject) -> Fetched:
        if self._client:
            with self._client.get(stored.url) as answer:
                return Fetched(answer.status_code, dict(answer.headers), answer.data)
        reply = self._follow(stored.url)
        return Fetched(reply.status_code, reply.headers, reply.content)


@pytest.fixture
def settings_of(request, tmp_path: Path):
    """Return what makes a worker's settings for a kind of storage, on a server that works."""

    def settings(name: str, **changes: object) -> Settings:
        known: dict[str, object] = {"local_storage_dir": tmp_path / "images", "bucket_prefix": "a-folder/"}
        if name in FAKED:
            known |= request.getfixturevalue(f"{name}_server").settings()
        elif name in REMOTE:
            site = request.getfixturevalue("site")
            requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
            variables = {**site.pointers(name), **STAND_INS[name].keys}
            known |= {variable.lower(): value for variable, value in variables.items()}
        return Settings(**{**known, **changes})

    return settings


@pytest.fixture
def kind_of(request, settings_of):
    """Return what makes a kind of storage by its name."""

    def kind(name: str) -> Kind:
        follow = request.getfixturevalue("s3_server").follow if name == "s3" else partial(requests.get, timeout=5)
        return Kind(STORAGES[name].load()(settings_of(name)), settings_of(name), follow)

    return kind


@pytest.fixture(params=KINDS)
def kind(request, kind_of) -> Kind:
    return kind_of(request.param)


@pytest.fixture(params=NAMED)
def named(request, kind_of) -> Kind:
    return kind_of(request.param)


@pytest.fixture(params=BUCKETS)
def bucket(request, kind_of) -> Kind:
    return kind_of(request.param)


@pytest.fixture
def uploads(request, tmp_path):
    """Return what lists a storage's uploads, each with what tells it from another.

    A stand-in logs the body of an upload that changed nothing with `existing`.
    """

    def of_the_stand_in() -> list[object]:
        log = requests.get(f"{request.getfixturevalue('site').url}/sandbox/log", timeout=5).json()
        return [entry["body"] for entry in log if not entry["body"].get("existing")]

    found = {
        "s3": lambda: request.getfixturevalue("s3_server").versions(),
        "gcs": lambda: list(request.getfixturevalue("gcs_server").uploads),
        "local": lambda: [path.stat().st_ino for path in (tmp_path / "images").iterdir()],
    }
    return lambda name: found.get(name, of_the_stand_in)()


def a_picture(color: int, output_format: str = "png") -> Picture:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (color, 0, 0)).save(out, output_format)  # which is kept as it came
    return to_picture(out.getvalue(), SizePlan((8, 8)), {"prompt": "a tree"}, output_format)


def test_it_works(kind):
    picture = a_picture(1)
    stored = kind.save(picture)
    fetched = kind.get(stored)
    assert (fetched.status, fetched.data) == (200, picture.data)
    assert fetched.headers["Content-Type"] == stored.content_type == "image/png"


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_every_format_is_kept_as_what_it_is(named, output_format):
    picture = a_picture(2, output_format)
    stored = named.save(picture)
    assert stored.url.partition("?")[0].endswith(f"/{picture.name}")
    assert named.get(stored).data == picture.data
    assert named.get(stored).headers["Content-Type"] == stored.content_type == f"image/{output_format}"


def test_it_may_be_cached_for_ever(named):
    control = named.get(named.save(a_picture(3))).headers["Cache-Control"]
    assert {"immutable", "public"} <= set(control.split(", "))
    if named.name in BUCKETS:
        assert control == IMMUTABLE


def test_the_same_picture_is_kept_once(named, uploads):
    picture = a_picture(4)
    first = named.save(picture)
    before = uploads(named.name)
    second = named.save(picture)
    assert second.url.partition("?")[0] == first.url.partition("?")[0]
    assert uploads(named.name) == before != []


def test_many_at_a_time_are_all_kept(kind):
    pictures = [a_picture(10 + number) for number in range(8)] + [a_picture(10)]

    async def save_all() -> list[StoredObject]:
        return await asyncio.gather(*(kind.storage.save(picture) for picture in pictures))

    for picture, stored in zip(pictures, asyncio.run(save_all()), strict=True):
        assert kind.get(stored).data == picture.data


def test_what_is_deleted_is_gone_and_can_be_kept_again(kind, caplog):
    caplog.set_level("INFO", "render_worker")
    picture = a_picture(5)
    stored = kind.save(picture)
    references = [picture.name, stored.url]
    if kind.name == "imgur":
        deletehash = re.findall(r"deletehash (\w+)", caplog.text)[-1]
        references = [f"imgur:{deletehash}"]
    assert kind.delete(references[0])
    gone = kind.get(stored)
    assert gone.status in (404, 410) or (kind.name == "imgur" and gone.data != picture.data)  # its placeholder
    assert not kind.delete(references[0])
    again = kind.save(picture)
    assert kind.get(again).data == picture.data
    if kind.name != "imgur":
        assert kind.delete(references[1])


def test_what_was_never_there_is_not_deleted(kind):
    assert not kind.delete("imgur:nosuchhash" if kind.name == "imgur" else f"{'0' * 64}.png")


@pytest.mark.parametrize("reference", ["", "x.png", "../../etc/passwd", "https://example.com/x.png", f"{'0' * 64}.gif"])
def test_a_reference_without_a_picture_s_name_is_not_looked_for(named, reference):
    assert not named.delete(reference)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "local"])
def test_a_missing_setting_is_said(name, kind_of):
    assert re.fullmatch(r"[A-Z0-9_]+ not configured", STORAGES[name].load()(Settings()).unavailable_reason())
    assert kind_of(name).storage.unavailable_reason() is None


def test_links_are_signed_and_end(bucket):
    stored = bucket.save(a_picture(6))
    assert "Signature=" in stored.url
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", stored.expires_at)
    assert "Expires=604800" in stored.url


def test_a_changed_link_leads_nowhere(gcs_server, settings_of):
    storage = STORAGES["gcs"].load()(settings_of("gcs"))
    stored = asyncio.run(storage.save(a_picture(7)))
    assert requests.get(stored.url.replace("Expires=604800", "Expires=604799"), timeout=5).status_code == 403


def test_a_public_bucket_needs_no_signature(bucket, settings_of):
    settings = settings_of(bucket.name, **{f"{bucket.name}_public_url": "https://pics.example"})
    picture = a_picture(8)
    stored = asyncio.run(STORAGES[bucket.name].load()(settings).save(picture))
    assert stored == StoredObject(f"https://pics.example/a-folder/{picture.name}", "image/png", None)


def test_a_picture_s_name_is_its_content_s():
    picture = a_picture(9)
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
