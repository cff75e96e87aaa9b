"""Eviction from the full local folder, and its preflight."""

import asyncio
import os
import shutil
import subprocess
import time
from types import SimpleNamespace

import pytest

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages.errors import StorageFailed
from render_worker.storages.local.storage import LocalStorage
from tests.fakes.local_folder import letters_in, picture, save


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "folder", local_storage_mb=1))


def cheap(letter: str, kilobytes: int = 300) -> Picture:
    return picture(letter, kilobytes, cheap=True)


def test_what_is_cheap_to_make_again_goes_first_and_then_the_oldest(storage):
    for what in (picture("a"), cheap("b"), cheap("c")):
        save(storage, what)
    save(storage, picture("d"))
    assert letters_in(storage) == {"a", "c", "d"}
    save(storage, picture("e"))
    assert letters_in(storage) == {"a", "d", "e"}
    save(storage, picture("f"))
    assert letters_in(storage) == {"d", "e", "f"}


def test_a_flood_of_cheap_pictures_takes_the_room_of_one(storage):
    for letter in "abc":
        save(storage, picture(letter))
    for letter in "0123456789":
        save(storage, cheap(letter))
    assert letters_in(storage) == {"b", "c", "9"}


def test_which_are_cheap_is_known_after_a_restart_and_changes_nothing_else(storage):
    for what in (cheap("a"), picture("b"), picture("c")):
        save(storage, what)
    again = LocalStorage(Settings(local_storage_dir=storage.folder, local_storage_mb=1))
    assert (storage.folder / cheap("a").name).read_bytes() == cheap("a").data
    save(again, cheap("d"))
    assert letters_in(again) == {"b", "c", "d"}
    assert asyncio.run(again.delete(cheap("d").name))
    assert letters_in(again) == {"b", "c", "d"}  # the last is the tombstone


def test_a_cheap_picture_of_a_version_of_before_is_known_once_it_is_made_again(storage):
    for letter in "abc":
        save(storage, picture(letter))
    save(storage, cheap("c"))
    save(storage, picture("d"))
    assert letters_in(storage) == {"a", "b", "d"}


def test_a_file_system_without_modes_keeps_cheap_pictures_like_others(storage, monkeypatch):
    def fail(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchmod", fail)
    for what in (picture("a"), cheap("b"), cheap("c"), picture("d")):
        save(storage, what)
    assert letters_in(storage) == {"b", "c", "d"}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_ahead_and_is_set_right_keeps_the_newest(storage, restarted):
    for letter in "abc":
        save(storage, picture(letter))
        os.utime(storage.folder / picture(letter).name, (time.time() + 3600 + ord(letter),) * 2)
    if restarted:
        storage = LocalStorage(Settings(local_storage_dir=storage.folder, local_storage_mb=1))
    else:
        storage._newest = 0  # as if they had been saved so
    for letter in "de":
        save(storage, picture(letter))
    assert letters_in(storage) == {"c", "d", "e"}
    save(storage, picture("c"))
    save(storage, picture("f"))
    assert letters_in(storage) == {"c", "e", "f"}


@pytest.mark.parametrize("hours", [-2, -1, 2])
def test_the_oldest_go_whatever_the_clock_shows(storage, monkeypatch, hours):
    for letter in "abc":
        save(storage, picture(letter))
    monkeypatch.setattr("time.time_ns", lambda now=time.time_ns: now() + hours * 3600 * 10**9)
    for letter in "de":
        save(storage, picture(letter))
    assert letters_in(storage) == {"c", "d", "e"}


@pytest.fixture
def mounted(tmp_path):
    """Yield a folder on a file system of its own, of 1 MiB, and what remounts it with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder, lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_of_other_things_is_known_before_anything_was_written(mounted):
    folder, _ = mounted
    storage = LocalStorage(Settings(local_storage_dir=folder))
    (folder / "of others").write_bytes(bytes(1016 * 1024))
    assert storage.unavailable_reason() == "the disk of LOCAL_STORAGE_DIR is full"
    (folder / "of others").unlink()
    assert storage.unavailable_reason() is None


def test_a_disk_that_is_full_of_pictures_has_room_for_more(mounted):
    storage = LocalStorage(Settings(local_storage_dir=mounted[0]))
    for letter in "abc":
        save(storage, picture(letter))
    (storage.folder / "of others").write_bytes(bytes(100 * 1024))
    assert storage.unavailable_reason() is None
    save(storage, picture("d"))
    assert storage.unavailable_reason() is None


def test_a_disk_that_becomes_read_only_is_known_beforehand(mounted):
    folder, remount = mounted
    storage = LocalStorage(Settings(local_storage_dir=folder))
    save(storage, picture("a"))
    remount("ro")
    assert storage.unavailable_reason() == "LOCAL_STORAGE_DIR cannot be written to"
    remount("rw")
    assert storage.unavailable_reason() is None


def test_a_folder_that_was_removed_is_made_anew(storage):
    save(storage, picture("a"))
    shutil.rmtree(storage.folder)
    assert storage.unavailable_reason() is None
    save(storage, picture("b"))
    assert letters_in(storage) == {"b"}


def test_a_large_picture_that_found_no_room_keeps_no_small_one_out(mounted):
    storage = LocalStorage(Settings(local_storage_dir=mounted[0]))
    for _ in range(3):
        with pytest.raises(StorageFailed, match="No space left on device") as caught:
            save(storage, picture("a", 1200))
        assert caught.value.caused_by_request  # so no breaker counts it
    assert storage.unavailable_reason() is None
    save(storage, picture("b", 60))
    assert letters_in(storage) == {"b"}


def test_a_disk_without_room_for_what_is_usual_is_tried_again_after_a_while(mounted):
    storage = LocalStorage(Settings(local_storage_dir=mounted[0]))
    (storage.folder / "of others").write_bytes(bytes(900 * 1024))
    with pytest.raises(StorageFailed):
        save(storage, picture("a"))
    assert storage.unavailable_reason() == "the disk of LOCAL_STORAGE_DIR is full"
    assert 59 < storage._needed_until - time.monotonic() <= 60
    storage._needed_until = 0
    assert storage.unavailable_reason() is None


def test_a_folder_without_inodes_left_is_no_matter_of_one_picture(storage, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "/nowhere/.new-x")

    monkeypatch.setattr("tempfile.mkstemp", fail)
    with pytest.raises(StorageFailed) as caught:
        save(storage, picture("a"))
    assert not caught.value.caused_by_request


def test_a_full_disk_is_known_by_as_few_files_as_it_takes(storage, monkeypatch):
    """A stat of each file took half a second with 50,000, for every request."""
    storage.folder.mkdir()
    for number in range(200):
        (storage.folder / f"{number:064x}.png").write_bytes(bytes(5000))
    looked = []
    scan = os.scandir

    class Entry:
        def __init__(self, entry):
            self.name, self.path, self._entry = entry.name, entry.path, entry

        def stat(self):
            looked.append(self.name)
            return self._entry.stat()

    monkeypatch.setattr("os.scandir", lambda folder: map(Entry, scan(folder)))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    assert storage.unavailable_reason() is None
    assert len(looked) == 7  # of 5,000 bytes, for 32 KiB
