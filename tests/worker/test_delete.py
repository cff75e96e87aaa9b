"""The operator's command that deletes pictures, and the tombstones that it leaves."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import build_storages
from render_worker.storages.deletion import NO_NAME, NO_TOMBSTONE, NOT_NAMED
from render_worker.storages.local.tombstones import TOMBSTONE, TOMBSTONE_SECONDS
from render_worker.storages.s3.storage import S3Storage
from sandbox.cloudinary import CLOUDINARY_URL
from tests.fakes.processes import ROOT, clean_environment, sandbox
from tests.fakes.s3_server import S3Server
from tests.fakes.scripted_server import ScriptedServer

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
OTHER = Picture(b"\x89PNG and other", 1, 1, "b" * 64)
DELETED = "This picture was deleted by the operator."


def save(storage, picture: Picture = PICTURE) -> str:
    return asyncio.run(storage.save(picture)).url


def delete(storage, picture: Picture = PICTURE) -> bool:
    return asyncio.run(storage.delete(picture.name))


def test_it_works(command, local):
    save(local)
    assert command(PICTURE.name) == (0, [f"{PICTURE.name}  local: deleted"])
    assert command(PICTURE.name) == (1, [f"{PICTURE.name}  local: not there"])


def test_it_takes_several_addresses_and_tells_if_one_is_nowhere(command, local):
    save(local)
    address = f"https://image.example/images/{PICTURE.name}"
    code, lines = command(OTHER.name, address)
    assert (code, lines) == (1, [f"{OTHER.name}  local: not there", f"{address}  local: deleted"])
    save(local)
    save(local, OTHER)
    assert command(OTHER.name, address)[0] == 0


@pytest.mark.parametrize("word", [" {} ", "https://image.example/images/{}#top", "\t{}\n"])
def test_what_is_copied_with_a_name_does_no_harm(command, local, word):
    save(local)
    assert command(word.format(PICTURE.name.upper()))[0] == 0


@pytest.mark.parametrize("word", ["", "x.png", "https://i.imgur.com/abc.png", "/etc/passwd", "a" * 64])
def test_what_is_no_picture_s_name_or_address_is_said(command, word):
    code, (line,) = command(word)
    assert (code, line) == (2, f"{word}  {NO_NAME}")


def test_a_terminal_gets_no_control_characters(command):
    code, (line,) = command("\x1b[31m\x9b\udc80" + PICTURE.name[1:])
    assert (code, line.partition("  ")[0]) == (2, "\\x1b[31m\\x9b\\udc80" + PICTURE.name[1:])


def test_every_storage_is_asked_and_the_folder_keeps_a_tombstone(command, client_with, tmp_path):
    with S3Server() as server, sandbox() as site:
        settings = server.settings(
            storage="s3,cloudinary,imgur",
            cloudinary_url=CLOUDINARY_URL,
            cloudinary_api_url=f"{site.url}/v1_1",
            imgur_client_id="an-id",
            imgur_api_url=f"{site.url}/3",
        )
        s3, cloudinary, _, _ = build_storages(Settings(**settings))
        signed = save(s3)
        save(cloudinary)
        code, lines = command(signed, **settings)
        assert code == 0
        address = signed.partition("?")[0]  # the signature is a secret
        assert lines == [
            f"{address}  s3: deleted",
            f"{address}  cloudinary: deleted",
            f"{address}  imgur: skipped: it deletes only by imgur:DELETEHASH",
            f"{address}  local: not there",
        ]
        assert server.names() == []
    answer = client_with().get(f"/images/{PICTURE.name}")
    assert (answer.status_code, answer.json["code"]) == (410, "picture_deleted")


def test_imgur_deletes_by_the_hash_of_the_log(command, caplog):
    with sandbox() as site:
        settings = {"imgur_client_id": "an-id", "imgur_api_url": f"{site.url}/3"}
        imgur, _ = build_storages(Settings(**settings))
        caplog.set_level("INFO")
        address = save(imgur)
        word = "imgur:" + re.search(r"deletehash (\w+)", caplog.text)[1]
        assert command(word, **settings) == (0, [f"{word}  imgur: deleted", f"{word}  {NOT_NAMED}"])
        gone = requests.get(address, allow_redirects=False, timeout=5)
        assert (gone.status_code, gone.headers["Location"].rpartition("/")[2]) == (302, "removed.png")
        assert command(word, **settings) == (1, [f"{word}  imgur: not there", f"{word}  {NOT_NAMED}"])


def test_imgur_s_picture_gets_a_tombstone_by_its_name_in_the_log(command, client, caplog):
    with sandbox() as site:
        settings = {"imgur_client_id": "an-id", "imgur_api_url": f"{site.url}/3"}
        caplog.set_level("INFO")
        save(next(iter(build_storages(Settings(**settings)))))
        word = "imgur:{}:{}".format(*re.search(r"deletehash (\w+) of ([\w.]+)", caplog.text).groups())
        assert command(word, **settings) == (0, [f"{word}  imgur: deleted"])
        assert client.get(f"/images/{PICTURE.name}").status_code == 410
        assert command(word + "x", **settings)[0] == 2


def test_without_imgur_its_hash_is_of_no_use(command):
    assert command("imgur:abc") == (2, ["imgur:abc  failed: imgur is not in STORAGE"])


def test_a_storage_that_fails_is_told_and_the_others_are_asked(command, local):
    save(local)
    code, lines = command(PICTURE.name, storage="s3,gcs", s3_bucket="b", s3_endpoint="http://127.0.0.1:1")
    assert code == 2
    assert [line.partition("  ")[2] for line in lines] == [
        "s3: failed: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not configured.",
        "gcs: failed: GOOGLE_CLOUD_BUCKET not configured.",
        "local: deleted",
    ]


def test_it_runs_as_a_program_and_tells_how_it_is_used(tmp_path):
    program = [sys.executable, "-m", "render_worker.delete"]
    environment = clean_environment(LOCAL_STORAGE_DIR=tmp_path)
    told = subprocess.run([*program, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert (told.returncode, "NAME_OR_URL" in told.stdout, "imgur:DELETEHASH" in told.stdout) == (0, True, True)
    done = subprocess.run([*program, PICTURE.name], cwd=ROOT, env=environment, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, f"{PICTURE.name}  local: not there\n".encode())


def test_a_deleted_picture_is_said_to_be_and_not_only_missing(client, local):
    address = save(local)
    with client.get(address) as answer:
        assert answer.data == PICTURE.data
    delete(local)
    answer = client.get(address)
    assert (answer.status_code, answer.json["code"], answer.json["error"]) == (410, "picture_deleted", DELETED)
    assert client.head(address).status_code == 410
    assert client.get(f"/images/{OTHER.name}").status_code == 404


def test_the_tombstone_itself_is_no_picture(client, local):
    address = save(local)
    delete(local)
    assert client.get(address + TOMBSTONE).status_code == 404


def test_the_same_bytes_saved_again_are_a_picture_again(client, local):
    address = save(local)
    delete(local)
    save(local)
    with client.get(address) as answer:
        assert (answer.status_code, answer.data) == (200, PICTURE.data)
    assert [path.name for path in local.folder.iterdir()] == [PICTURE.name]


def test_tombstones_take_no_picture_s_room_and_are_not_taken_for_the_oldest(local):
    save(local)
    delete(local)
    tombstone = local.folder / (PICTURE.name + TOMBSTONE)
    os.utime(tombstone, (1, 1))
    for letter in "cdef":
        save(local, Picture(letter.encode() * 300 * 1024, 1, 1, letter * 64))
    assert sorted(path.name[0] for path in local.folder.iterdir()) == ["a", "d", "e", "f"]
    assert tombstone.exists()


def test_old_tombstones_go_at_the_next_deletion_and_no_other_file_does(local):
    save(local)
    delete(local)
    old = local.folder / (PICTURE.name + TOMBSTONE)
    of_others = local.folder / f"thesis{TOMBSTONE}"
    of_others.touch()
    for path in (old, of_others):
        os.utime(path, (old.stat().st_mtime - TOMBSTONE_SECONDS - 60,) * 2)
    save(local, OTHER)
    delete(local, OTHER)
    assert {path.name for path in local.folder.iterdir()} == {OTHER.name + TOMBSTONE, of_others.name}


def test_a_picture_is_deleted_even_if_no_tombstone_can_be_left(local, monkeypatch, command):
    """Play a disk without room for another file."""
    save(local)
    (local.folder / (PICTURE.name + TOMBSTONE)).symlink_to(local.folder / "no" / "such" / "folder")
    code, (deleted, unmarked) = command(PICTURE.name)
    assert (code, not (local.folder / PICTURE.name).exists()) == (2, True)
    assert deleted.endswith("local: deleted")
    assert f"{NO_TOMBSTONE}: LOCAL_STORAGE_DIR could not be changed" in unmarked


def test_where_the_picture_itself_was_in_the_tombstone_s_way_it_is_left_after_that(command, local, monkeypatch):
    """Play a full disk."""
    save(local)
    touch = Path.touch

    def touch_if_there_is_room(path, *more, **other):
        if (local.folder / PICTURE.name).exists():
            raise OSError(28, "No space left on device")
        touch(path, *more, **other)

    monkeypatch.setattr("pathlib.Path.touch", touch_if_there_is_room)
    assert command(PICTURE.name)[0] == 0
    assert [path.name for path in local.folder.iterdir()] == [PICTURE.name + TOMBSTONE]


def test_a_tombstone_is_not_left_beside_a_picture_that_was_saved_meanwhile(local):
    save(local)
    asyncio.run(local.leave_tombstone(PICTURE.name))
    assert [path.name for path in local.folder.iterdir()] == [PICTURE.name]


def test_a_tombstone_that_vanishes_while_it_is_looked_at_is_no_failure(local, monkeypatch):
    save(local)
    look = Path.glob

    def glob(folder, pattern):
        found = list(look(folder, pattern))
        for path in found:
            path.unlink()
        return found

    monkeypatch.setattr("pathlib.Path.glob", glob)
    assert delete(local)


def test_one_kept_elsewhere_afterwards_is_deleted_no_longer(command, client, tmp_path):
    with S3Server() as server:
        settings = server.settings(storage="s3")
        storages = build_storages(Settings(**settings, local_storage_dir=tmp_path / "images"))
        asyncio.run(storages.save(PICTURE, 5))
        assert command(PICTURE.name, **settings)[0] == 0
        assert client.get(f"/images/{PICTURE.name}").status_code == 410
        asyncio.run(storages.save(PICTURE, 5))
        assert client.get(f"/images/{PICTURE.name}").status_code == 404


def test_a_key_that_may_not_list_deletes_too(command):
    """Amazon responds 403 to such a key if the object is missing, and moto 404."""
    with ScriptedServer() as server:
        server.say_to("HEAD", 403)
        server.say_to("DELETE", 204)
        settings = {"s3_bucket": "b", "s3_endpoint": server.url, "aws_access_key_id": "k", "storage": "s3"}
        code, lines = command(PICTURE.name, aws_secret_access_key="x", **settings)
        assert (code, lines[0].partition("  ")[2]) == (0, "s3: deleted")
        assert [method for method, _ in server.asked] == ["HEAD", "DELETE"]


def test_the_key_is_in_no_word_of_the_command(command, caplog):
    with S3Server() as server:
        settings = server.settings(storage="s3", aws_secret_access_key="a-wrong-secret")
        assert isinstance(next(iter(build_storages(Settings(**settings)))), S3Storage)
        code, lines = command(PICTURE.name, **settings)
        seen = caplog.text + "\n".join(lines)
        assert (code, "a-wrong-secret" in seen, server.key_id in seen) == (2, False, False)
        assert "s3: failed: S3 does not accept this server's key" in lines[0]
