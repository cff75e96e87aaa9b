"""DELETE /images/<name> at the worker: the operator deletes a picture from every storage."""

import asyncio

import pytest

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import build_storages
from render_worker.storages.local.tombstones import TOMBSTONE
from sandbox.cloudinary import CLOUDINARY_URL
from tests.fakes.processes import sandbox
from tests.fakes.s3_server import S3Server

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
ADDRESS = f"/images/{PICTURE.name}"


def save(storage) -> str:
    return asyncio.run(storage.save(PICTURE)).url


def test_a_picture_is_deleted_once_and_then_was_before(client, local):
    save(local)
    answer = client.delete(ADDRESS)
    assert (answer.status_code, answer.data) == (204, b"")
    assert [path.name for path in local.folder.iterdir()] == [PICTURE.name + TOMBSTONE]
    again = client.delete(ADDRESS)
    assert (again.status_code, again.json["code"]) == (410, "picture_deleted")
    assert client.get(ADDRESS).status_code == 410


def test_one_that_no_storage_has_is_not_there_and_leaves_a_tombstone(client):
    assert client.delete(ADDRESS).status_code == 404
    assert client.get(ADDRESS).status_code == 410


@pytest.mark.parametrize("name", ["x.png", "a" * 64, "a" * 64 + ".svg", "A" * 64 + ".png", PICTURE.name + TOMBSTONE])
def test_what_is_no_picture_s_name_is_not_there(client, local, name):
    save(local)
    assert client.delete(f"/images/{name}").status_code == 404
    assert [path.name for path in local.folder.iterdir()] == [PICTURE.name]


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [({"worker_token": TOKEN}, ("127.0.0.1",)), ({}, ("0.0.0.0",))],
    ids=["without the token", "a worker without one, beyond loopback"],
)
def test_a_stranger_deletes_nothing(client_with, local, settings, hosts):
    save(local)
    answer = client_with(hosts, **settings).delete(ADDRESS)
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert (local.folder / PICTURE.name).exists()


def test_every_storage_is_asked(client_with):
    with S3Server() as server, sandbox() as site:
        settings = server.settings(
            storage="s3,cloudinary", cloudinary_url=CLOUDINARY_URL, cloudinary_api_url=f"{site.url}/v1_1"
        )
        s3, cloudinary, _ = build_storages(Settings(**settings))
        save(s3)
        save(cloudinary)
        client = client_with(worker_token=TOKEN, **settings)
        assert client.delete(ADDRESS, headers=OPERATOR).status_code == 204
        assert server.names() == []
        assert client.get(ADDRESS, headers=OPERATOR).status_code == 410


def test_a_storage_that_fails_is_named_and_the_others_have_deleted(client_with, local):
    save(local)
    answer = client_with(storage="s3", s3_bucket="b", s3_endpoint="http://127.0.0.1:1").delete(ADDRESS)
    assert (answer.status_code, answer.json["code"]) == (502, "storage_failed")
    assert "s3: failed: AWS_ACCESS_KEY_ID" in answer.json["error"]
    assert not (local.folder / PICTURE.name).exists()


def test_what_perhaps_only_imgur_has_is_deleted_by_its_hash_alone(client_with, local):
    client = client_with(imgur_client_id="an-id", imgur_api_url="http://127.0.0.1:1/3")
    answer = client.delete(ADDRESS)
    assert (answer.status_code, answer.json["code"]) == (409, "deletion_unsupported")
    assert "deletehash" in answer.json["error"]
    assert client.delete(ADDRESS).status_code == 409  # its tombstone says nothing of Imgur
    save(local)
    assert client.delete(ADDRESS).status_code == 204  # the folder took it in place of Imgur
