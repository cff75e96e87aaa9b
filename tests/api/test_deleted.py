"""A picture that the operator deleted is gone for good: 410, and it is not regenerated."""

import pytest

from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import PictureDeleted, PictureUnavailable
from image_api.remote_pictures import RemotePictures
from image_api.settings import Settings
from render_worker.contract import GenerateResult
from tests.api.conftest import NAME, RESULT

SEEDED = "/generate?prompt=a+tree&seed=7"
DELETED = {"success": False, "error": "This picture was deleted by the operator.", "code": "picture_deleted"}


@pytest.fixture
def deleted(client, worker):
    """Return a client of an API tier with the recipe of a picture whose file was deleted since."""
    client.get(SEEDED)
    worker.say_to("/images/", 410, DELETED)
    return client


@pytest.mark.parametrize(
    "path",
    [f"/images/{NAME}", "/generate.png?prompt=a+tree&seed=7", SEEDED + "&format=image"],
)
def test_it_is_an_error_and_the_picture_is_not_regenerated(deleted, worker, path):
    answer = deleted.get(path)
    assert (answer.status_code, answer.json["code"], answer.json["error"]) == (410, DELETED["code"], DELETED["error"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize("path", [f"/images/{NAME}", SEEDED + "&format=image"])
def test_once_that_is_known_its_address_is_not_returned(deleted, worker, path):
    deleted.get(path)
    again = {**RESULT, "image_url": f"/images/{NAME.replace('a', 'b')}"}
    worker.say_to("/generate", 200, again)
    answers = [deleted.get(SEEDED) for _ in range(2)]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "HIT"]
    deleted.get(f"/images/{NAME}")  # of which the new one is none
    assert deleted.get(SEEDED).headers["X-Cache"] == "HIT"
    assert len(worker.asked_to_make()) == 2


def test_head_gets_it_too(deleted):
    assert deleted.head(f"/images/{NAME}").status_code == 410


def test_as_base64_it_is_an_error_in_openai_s_words(client, worker):
    worker.say_to("/images/", 410, DELETED)
    answer = client.post("/v1/images/generations", json={"prompt": "a tree", "response_format": "b64_json"})
    assert (answer.status_code, answer.json["error"]["code"]) == (410, "picture_deleted")


def test_a_picture_that_is_only_lost_is_still_regenerated(client, worker):
    client.get(SEEDED)
    worker.say_to("/images/", 404, b"{}")
    client.get(f"/images/{NAME}")
    assert len(worker.asked_to_make()) == 2


class Outside(RemotePictures):
    """Reads a storage's picture from the scripted worker, as no loopback host is public."""

    def _from_outside(self, address):
        return self._worker.image("of-outside", "GET", {})


@pytest.mark.parametrize(
    ("of_worker", "of_outside", "address", "expected"),
    [
        (410, 404, f"https://pictures.example/a/{NAME}?X-Amz-Signature=1", PictureDeleted),
        (404, 404, f"https://pictures.example/a/{NAME}", PictureUnavailable),
        (410, 404, "https://i.imgur.com/x.png", PictureDeleted),  # by the hash of what it was given
        (404, 404, "https://i.imgur.com/x.png", PictureUnavailable),
        (410, 403, f"https://pictures.example/a/{NAME}", PictureDeleted),
        (404, 403, f"https://pictures.example/a/{NAME}", PictureUnavailable),
        (410, 500, f"https://pictures.example/a/{NAME}", PictureUnavailable),
    ],
)
def test_the_worker_has_a_tombstone_of_one_of_a_storage_outside_too(worker, of_worker, of_outside, address, expected):
    """S3 also answers 403 if there is no such object, to a link of a key that may not list."""
    worker.say_to("/images/", of_worker, DELETED)
    worker.say_to("/images/of-outside", of_outside, b"")
    pictures = Outside(WorkerClient(Settings(perchance_worker_url=worker.url)))
    with pytest.raises(expected) as caught:
        pictures.open(GenerateResult(**{**RESULT, "image_url": address}))
    assert getattr(caught.value, "gone", True) == (of_outside == 404 or expected is PictureDeleted)
