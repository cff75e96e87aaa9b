"""The local folder: saving, the lock between processes, and a full disk."""

import asyncio
import fcntl
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages.base import StoredObject
from render_worker.storages.errors import StorageFailed
from render_worker.storages.local.storage import LocalStorage
from render_worker.storages.local.tombstones import TOMBSTONE
from tests.fakes.local_folder import letters_in, picture, save


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "new" / "folder", local_storage_mb=1))


def test_it_works(storage):
    assert save(storage, picture("a")).url == f"/images/{'a' * 64}.png"
    assert (storage.folder / f"{'a' * 64}.png").read_bytes() == picture("a").data


@pytest.mark.parametrize(("output_format", "ending"), [("jpeg", ".jpg"), ("webp", ".webp")])
def test_every_format_keeps_its_type_and_goes_with_the_oldest(storage, output_format, ending):
    old = Picture(b"x" * 800 * 1024, 1, 1, "a" * 64, output_format)
    assert save(storage, old) == StoredObject(f"/images/{'a' * 64}{ending}", f"image/{output_format}")
    assert (storage.folder / f"{'a' * 64}{ending}").read_bytes() == old.data
    save(storage, picture("b"))
    assert letters_in(storage) == {"b"}


def test_the_oldest_go_when_the_folder_is_full(storage):
    for age, letter in enumerate("abc"):
        save(storage, picture(letter))
        os.utime(storage.folder / picture(letter).name, (age, age))
    save(storage, picture("d"))
    assert letters_in(storage) == {"b", "c", "d"}


def test_a_picture_made_again_is_not_among_the_oldest(storage):
    for age, letter in enumerate("abc"):
        save(storage, picture(letter))
        os.utime(storage.folder / picture(letter).name, (age, age))
    save(storage, picture("a"))
    save(storage, picture("d"))
    assert letters_in(storage) == {"a", "c", "d"}


def test_a_write_that_fails_leaves_nothing_and_is_said(storage, monkeypatch):
    save(storage, picture("a"))

    def fail(self, target):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(StorageFailed, match="Input/output error"):
        save(storage, picture("b"))
    assert letters_in(storage) == {"a"}


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """Yield a storage on a disk of 1 MiB; if none can be mounted here, writes fail as they would on one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode
        == 0
    )
    storage = LocalStorage(Settings(local_storage_dir=folder, local_storage_mb=256))
    if not mounted:
        _pretend_to_be_small(storage, monkeypatch)
    yield storage
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def _pretend_to_be_small(storage, monkeypatch):
    write = storage._write

    def used() -> int:
        return sum(path.stat().st_size for path in storage.folder.iterdir())

    def write_if_it_fits(target, picture):
        if used() + len(picture.data) > 1024 * 1024:
            raise OSError(28, "No space left on device")
        write(target, picture)

    monkeypatch.setattr(storage, "_write", write_if_it_fits)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1024 * 1024 - used()))


def test_on_a_full_disk_the_oldest_give_way(small_disk):
    for age, letter in enumerate("abc"):
        save(small_disk, picture(letter))
        os.utime(small_disk.folder / picture(letter).name, (age, age))
    save(small_disk, picture("d"))
    assert letters_in(small_disk) == {"c", "d"}
    assert small_disk.unavailable_reason() is None


def test_a_disk_that_others_fill_is_said_and_known_until_there_is_room(small_disk):
    others = small_disk.folder / "of others"
    others.write_bytes(bytes(900 * 1024))
    with pytest.raises(StorageFailed, match="No space left on device"):
        save(small_disk, picture("a"))
    assert letters_in(small_disk) == {"o"}
    assert small_disk.unavailable_reason() == "the disk of LOCAL_STORAGE_DIR is full"
    others.unlink()
    save(small_disk, picture("a"))
    assert small_disk.unavailable_reason() is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    storage = LocalStorage(Settings(local_storage_dir=tmp_path / "file" / "folder"))
    with pytest.raises(StorageFailed):
        save(storage, picture("a"))


def test_files_of_others_are_never_removed(storage):
    storage.folder.mkdir(parents=True)
    (storage.folder / "thesis.docx").write_bytes(b"x" * 1024 * 1024)
    for letter in "abcd":
        save(storage, picture(letter))
    assert "t" in letters_in(storage)


def test_a_folder_that_cannot_be_used_is_known_beforehand(tmp_path, storage):
    (tmp_path / "file").write_text("in the way")
    assert (
        "LOCAL_STORAGE_DIR"
        in LocalStorage(Settings(local_storage_dir=tmp_path / "file" / "folder")).unavailable_reason()
    )
    assert storage.unavailable_reason() is None


def test_a_picture_that_vanishes_while_it_is_looked_at_is_written(storage, monkeypatch):
    """As if the delete command is at work: touching a removed file would leave an empty one, served for ever."""
    save(storage, picture("a"))
    set_time = os.utime

    def vanish(path, *times, **more):
        Path(path).unlink(missing_ok=True)
        set_time(path, *times, **more)

    monkeypatch.setattr("os.utime", vanish)
    save(storage, picture("a"))
    assert (storage.folder / picture("a").name).read_bytes() == picture("a").data


def test_half_a_picture_is_not_taken_for_it(storage):
    save(storage, picture("a"))
    (storage.folder / picture("a").name).write_bytes(b"half")
    save(storage, picture("a"))
    assert (storage.folder / picture("a").name).read_bytes() == picture("a").data


@pytest.fixture
def another_process(storage):
    """Hold the folder's lock, until what this yields is called."""
    storage.folder.mkdir(parents=True)
    handle = os.open(storage.folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield lambda: fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


@pytest.mark.parametrize("action", ["save", "delete", "leave_tombstone"])
def test_nothing_is_changed_while_another_process_changes_something(storage, another_process, action):
    name = picture("a").name
    if action != "save":
        (storage.folder / name).write_bytes(picture("a").data)
    before = {path.name for path in storage.folder.iterdir()}
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(asyncio.run, getattr(storage, action)(picture("a") if action == "save" else name))
        with pytest.raises(TimeoutError):
            work.result(0.2)
        assert {path.name for path in storage.folder.iterdir()} == before
        another_process()
        work.result(30)
    assert {path.name for path in storage.folder.iterdir()} == {name + TOMBSTONE if action == "delete" else name}


def test_a_lock_that_is_never_released_is_said(storage, another_process, monkeypatch):
    monkeypatch.setattr("render_worker.storages.local.storage.LOCK_SECONDS", 0.1)
    with pytest.raises(StorageFailed, match="temporarily unavailable"):
        save(storage, picture("a"))


def test_waiting_for_the_lock_keeps_only_those_that_need_it_too(storage, another_process, monkeypatch):
    monkeypatch.setattr("render_worker.storages.local.storage.LOCK_SECONDS", 3)

    async def crowd():
        begun = time.monotonic()
        saving = [asyncio.create_task(storage.save(picture(str(number)))) for number in range(50)]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(lambda: None)  # any other work
        assert not any(task.done() for task in saving)
        return await asyncio.gather(*saving, return_exceptions=True), time.monotonic() - begun

    ends, took = asyncio.run(crowd())
    assert {type(end) for end in ends} == {StorageFailed}
    assert took < 75  # they wait side by side; in a row they take 150


def test_a_file_system_without_locks_goes_without(storage, monkeypatch):
    def fail(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", fail)
    save(storage, picture("a"))
    assert letters_in(storage) == {"a"}


def test_a_file_that_vanishes_while_room_is_made_is_no_failure(storage, monkeypatch):
    save(storage, picture("a"))
    look = os.scandir

    def scan(folder):
        entries = list(look(folder))
        (storage.folder / picture("a").name).unlink(missing_ok=True)
        return entries

    with monkeypatch.context() as patch:  # pathlib calls it too, since Python 3.13
        patch.setattr("os.scandir", scan)
        save(storage, picture("b"))
    assert letters_in(storage) == {"b"}
