"""The chain of storages: which one saves a picture, how they share the time, and which settings must be there."""

import asyncio
import subprocess
import sys

import pytest

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import build_storages
from render_worker.storages.base import Storage, StoredObject, image_name_in
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import StorageFailed, StorageNotConfigured
from tests.fakes.processes import ROOT

PICTURE = Picture(b"the bytes", 1, 1, "a" * 64)
NAME = "a" * 64 + ".png"


class Slow(Storage):
    """A storage that takes so long, and fails if `fails`."""

    title = "Slow"

    def __init__(self, name: str, seconds: float, fails: bool = True, remote: bool = True) -> None:
        self.name, self.remote = name, remote  # type: ignore[misc]
        self._seconds, self._fails = seconds, fails

    async def save(self, picture: Picture) -> StoredObject:
        await asyncio.sleep(self._seconds)
        if self._fails:
            raise StorageFailed(f"{self.name} keeps nothing.")
        return StoredObject(f"https://{self.name}/x.png", picture.content_type)

    async def delete(self, reference: str) -> bool:
        return False


def saved(seconds: float, *storages: Storage):
    return asyncio.run(StorageChain(*storages).save(PICTURE, seconds))


def test_it_works():
    outcome = saved(1, Slow("first", 0, fails=False), Slow("second", 0, fails=False))
    assert (outcome.storage, outcome.problem) == ("first", None)


def test_the_next_one_keeps_what_one_refuses_and_the_first_one_s_problem_is_told(caplog):
    outcome = saved(1, Slow("first", 0), Slow("second", 0), Slow("third", 0, fails=False))
    assert (outcome.storage, outcome.problem.storage, outcome.problem.error) == (
        "third",
        "first",
        "first keeps nothing.",
    )
    assert [record.getMessage() for record in caplog.records] == [
        "first did not save a picture: storage_failed: first keeps nothing.",
        "second did not save a picture: storage_failed: second keeps nothing.",
    ]


def test_slow_ones_share_the_time_that_is_left():
    outcome = saved(3, Slow("a", 60), Slow("b", 0.3), Slow("c", 1.1, fails=False))
    assert outcome.storage == "c"  # a had a third, b gave back what it did not need


@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("seconds", [0.2, -1])
def test_the_folder_has_all_the_time_that_it_needs_wherever_it_stands(place, seconds):
    storages = [Slow("a", 60), Slow("b", 60)]
    storages.insert(place, Slow("folder", 0.3, fails=False, remote=False))
    outcome = saved(seconds, *storages)
    assert (outcome.storage, outcome.problem.storage) == ("folder", "a")
    assert "longer than the request's time allows" in outcome.problem.error


def test_the_storages_that_did_not_keep_it_are_notified():
    others = [Slow("a", 0), Slow("c", 0)]
    told = []

    async def note(picture: Picture) -> None:
        told.append(picture)

    for storage in others:
        storage.saved_elsewhere = note
    saved(1, others[0], Slow("b", 0, fails=False), others[1])
    assert told == [PICTURE, PICTURE]


def test_if_none_keeps_it_every_reason_is_told():
    with pytest.raises(StorageFailed, match=r"a keeps nothing\. b keeps nothing\."):
        saved(1, Slow("a", 0), Slow("b", 0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"storage": "s3"}, "S3_BUCKET not configured."),
        ({"storage": "s3", "s3_bucket": "b"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not configured."),
        ({"storage": "local,gcs"}, "GOOGLE_CLOUD_BUCKET not configured."),
        ({"storage": "gcs", "google_cloud_bucket": "b"}, "GOOGLE_APPLICATION_CREDENTIALS not configured."),
        ({"storage": "imgur,cloudinary", "imgur_client_id": "x"}, "CLOUDINARY_URL not configured."),
        ({"storage": "cloudinary,imgur", "cloudinary_url": "cloudinary://k:s@c"}, "IMGUR_CLIENT_ID not configured."),
    ],
)
def test_whatever_is_missing_is_said_before_a_picture_is_made(settings, words):
    storages = build_storages(Settings(**settings))
    with pytest.raises(StorageNotConfigured) as caught:
        storages.check()
    assert str(caught.value) == words
    assert not storages.configured
    assert any(words.rstrip(".") in problem for problem in storages.unavailable_reasons())


@pytest.mark.parametrize("name", ["s3", "gcs"])
def test_a_missing_package_is_said_with_how_to_install_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "google_application_credentials": "x"}
    storages = build_storages(Settings(storage=name, s3_bucket="b", google_cloud_bucket="b", **keys))
    with pytest.raises(StorageNotConfigured, match=r"put render_worker/requirements-buckets\.txt into"):
        storages.check()


def test_a_library_that_is_not_used_is_not_imported():
    program = "import sys, render_worker.worker; sys.exit('obstore' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)


@pytest.mark.parametrize(
    ("named", "order"),
    [
        ("cloudinary,s3", ["cloudinary", "s3", "local"]),
        ("local,s3", ["local", "s3"]),
        ("s3, local ,imgur", ["s3", "local", "imgur"]),
        ("local", ["local"]),
        (None, ["local"]),
    ],
)
def test_the_order_is_the_settings_and_local_is_the_last_unless_it_is_named(named, order):
    settings = Settings(storage=named, local_storage_dir="/nowhere")
    assert [storage.name for storage in build_storages(settings)] == order


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (NAME, NAME),
        (f"/images/{NAME}", NAME),
        (f"https://b.s3.amazonaws.com/a/{NAME}?X-Amz-Signature=1/{'b' * 64}.png", NAME),
        (f"https://i.imgur.com/x.png?{NAME}", None),
        (f"{NAME}/x", None),
        (f"x{NAME}", None),
        (f"{NAME}\n", NAME),
        (f" {NAME.upper()} ", NAME),
        (f"https://pics.example/{NAME}#a", NAME),
        (f"https://pics.example/a?b/{NAME}", None),
    ],
)
def test_a_picture_is_known_by_its_name_or_address(reference, name):
    assert image_name_in(reference) == name
