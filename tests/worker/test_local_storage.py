"""The folder of pictures."""

import asyncio
import os

import pytest

from render_worker.errors import StorageFailed
from render_worker.imaging import Picture
from render_worker.settings import Settings
from render_worker.storages.base import Stored
from render_worker.storages.local import LocalStorage


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "new" / "folder", local_storage_mb=1))


def picture(letter: str, kilobytes: int = 300) -> Picture:
    return Picture(letter.encode() * kilobytes * 1024, 1, 1, letter * 64)


def save(storage, what: Picture) -> Stored:
    return asyncio.run(storage.save(what))


def kept(storage) -> set[str]:
    return {path.name[0] for path in storage.folder.iterdir()}


def test_it_works(storage):
    assert save(storage, picture("a")).url == f"/images/{'a' * 64}.png"
    assert (storage.folder / f"{'a' * 64}.png").read_bytes() == picture("a").data


@pytest.mark.parametrize(("output_format", "ending"), [("jpeg", ".jpg"), ("webp", ".webp")])
def test_every_format_keeps_its_type_and_goes_with_the_oldest(storage, output_format, ending):
    old = Picture(b"x" * 800 * 1024, 1, 1, "a" * 64, output_format)
    assert save(storage, old) == Stored(f"/images/{'a' * 64}{ending}", f"image/{output_format}")
    assert (storage.folder / f"{'a' * 64}{ending}").read_bytes() == old.data
    save(storage, picture("b"))
    assert kept(storage) == {"b"}


def test_the_oldest_go_when_the_folder_is_full(storage):
    for age, letter in enumerate("abc"):
        save(storage, picture(letter))
        os.utime(storage.folder / picture(letter).name, (age, age))
    save(storage, picture("d"))
    assert kept(storage) == {"b", "c", "d"}


def test_a_picture_made_again_is_not_among_the_oldest(storage):
    for age, letter in enumerate("abc"):
        save(storage, picture(letter))
        os.utime(storage.folder / picture(letter).name, (age, age))
    save(storage, picture("a"))
    save(storage, picture("d"))
    assert kept(storage) == {"a", "c", "d"}


def test_a_write_that_fails_leaves_nothing_and_is_said(storage, monkeypatch):
    save(storage, picture("a"))

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(StorageFailed, match="No space left on device"):
        save(storage, picture("b"))
    assert kept(storage) == {"a"}


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
    assert "t" in kept(storage)


def test_a_folder_that_cannot_be_used_is_known_beforehand(tmp_path, storage):
    (tmp_path / "file").write_text("in the way")
    assert "LOCAL_STORAGE_DIR" in LocalStorage(Settings(local_storage_dir=tmp_path / "file" / "folder")).problem()
    assert storage.problem() is None
