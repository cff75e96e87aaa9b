"""Files of other owners in the local folder: one that cannot be changed keeps no other picture out."""

import json
import os
import subprocess
import sys

import pytest

from tests.fakes.processes import ROOT
from tests.fakes.unprivileged import unprivileged

ANOTHER = 1234

# Save a picture for each letter after its preflight; print the storage of each, or the error's sentence; then the
# reasons why storages are unavailable.
SCENE = """
import asyncio, json, sys
from pathlib import Path
from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import build_storages

folder, letters, deleted = sys.argv[1:4]
storages = build_storages(Settings(local_storage_dir=Path(folder), local_storage_mb=1))

async def play():
    for letter in letters:
        try:
            await storages.preflight("png")
            yield (await storages.save(Picture(letter.encode() * 300 * 1024, 1, 1, letter * 64), 5)).storage
        except Exception as error:
            yield str(error)
    for letter in deleted:
        yield await next(iter(storages)).delete(letter * 64 + ".png")

async def main():
    print(json.dumps([[end async for end in play()], storages.unavailable_reasons()]))

asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "images"
    made.mkdir(mode=0o777)
    return made


def play(folder, letters, deleted=""):
    done = subprocess.run(
        [sys.executable, "-c", SCENE, str(folder), letters, deleted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=unprivileged,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def anothers(folder, letter, data=None, ending="", time=1):
    """Put a file of another owner there."""
    path = folder / (letter * 64 + ".png" + ending)
    path.write_bytes(letter.encode() * 300 * 1024 if data is None else data)
    os.chown(path, ANOTHER, ANOTHER)
    os.utime(path, (time, time))
    return path


def sticky(folder):
    """Make the folder sticky, so that only a file's owner may remove it."""
    os.chown(folder, ANOTHER, ANOTHER)
    folder.chmod(0o1777)


def test_a_picture_that_is_there_is_kept_though_its_time_cannot_be_set(folder):
    anothers(folder, "a")
    assert play(folder, "aaab") == [["local"] * 4, []]


def test_one_picture_that_cannot_be_replaced_keeps_no_other_out(folder):
    anothers(folder, "a", data=b"half")
    sticky(folder)
    said = "The picture could not be written to LOCAL_STORAGE_DIR: Operation not permitted."
    assert play(folder, "aaab") == [[said] * 3 + ["local"], []]


def test_a_folder_in_place_of_a_picture_keeps_no_other_out(folder):
    (folder / ("a" * 64 + ".png")).mkdir()
    said = "The picture could not be written to LOCAL_STORAGE_DIR: Is a directory."
    assert play(folder, "aaab") == [[said] * 3 + ["local"], []]


def test_what_cannot_be_removed_is_passed_over_when_room_is_made(folder):
    anothers(folder, "a")
    sticky(folder)
    assert play(folder, "bcde") == [["local"] * 4, []]
    assert {path.name[0] for path in folder.iterdir()} == {"a", "d", "e"}


def test_a_tombstone_that_cannot_be_removed_keeps_no_picture_out(folder):
    anothers(folder, "a", data=b"", ending=".deleted", time=4e9)
    sticky(folder)
    assert play(folder, "ab") == [["local"] * 2, []]


def test_an_old_tombstone_that_cannot_be_removed_keeps_none_from_being_deleted(folder):
    anothers(folder, "a", data=b"", ending=".deleted")
    sticky(folder)
    assert play(folder, "b", deleted="b") == [["local", True], []]
