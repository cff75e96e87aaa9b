"""The full local folder between clients: which of them gives a picture for a new one."""

import asyncio
import os

import pytest

from render_worker.settings import Settings
from render_worker.storages.local.eviction import Newcomer, eviction_order
from render_worker.storages.local.files import ImageFile
from render_worker.storages.local.owners import ATTRIBUTE, Owners
from render_worker.storages.local.storage import LocalStorage
from tests.fakes.local_folder import letters_in, picture, save


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "folder", local_storage_mb=1))


def names(order) -> str:
    return "".join(file.path for file in order)


def files(what: str) -> tuple[list[ImageFile], dict[str, str]]:
    """Return files from words such as `xA3`: its path, its client ("-" if unknown) and its size, the oldest first.

    A small letter for the client means that the picture is cheap.
    """
    found, owners = [], {}
    for time, (path, client, size) in enumerate(what.split()):
        found.append(ImageFile(client.isupper() or client == "-", time, int(size), path))
        owners[path] = "" if client == "-" else client.upper()
    return found, owners


@pytest.mark.parametrize(
    ("what", "new", "order"),
    [
        ("aA1 bA1 cB1", Newcomer("B", 1, costly=True), "cab"),
        ("aA1 bB1 cB1", Newcomer("A", 1, costly=True), "abc"),
        ("aA1 bB1 cB1", Newcomer("C", 1, costly=True), "bac"),
        ("aA1 bB3 cC2", Newcomer("D", 1, costly=True), "bca"),
        ("aA1 bB1 cA1 dB1 eB1", Newcomer("B", 1, costly=True), "bdeac"),
        ("a-1 b-1 cA1", Newcomer("A", 1, costly=True), "cab"),
        ("a-1 b-1 cA1", Newcomer("", 1, costly=True), "abc"),
        ("a-1 b-1 c-1", Newcomer("A", 1, costly=True), "abc"),
        ("aA9 bb1", Newcomer("A", 1, costly=True), "ba"),
        ("aa1 bb1 cb1 dA9", Newcomer("A", 1, costly=False), "abcd"),
        ("aa1 bb1 cb1 dA9", Newcomer("A", 1, costly=True), "bacd"),
        ("", Newcomer("A", 1, costly=True), ""),
    ],
)
def test_cheap_ones_go_first_and_of_each_kind_the_oldest_of_the_client_with_most_bytes(what, new, order):
    assert names(eviction_order(*files(what), new)) == order


def test_a_flood_of_one_client_evicts_its_own_pictures(storage):
    save(storage, picture("a", client="polite"))
    for letter in "0123456789":
        save(storage, picture(letter, client="rude"))
    assert letters_in(storage) == {"a", "8", "9"}


def test_whose_they_are_is_known_after_a_restart(storage):
    for letter, client in (("a", "polite"), ("b", "rude"), ("c", "rude")):
        save(storage, picture(letter, client=client))
    again = LocalStorage(Settings(local_storage_dir=storage.folder, local_storage_mb=1))
    save(again, picture("d", client="rude"))
    assert letters_in(again) == {"a", "c", "d"}


def test_no_file_tells_the_client_s_id(storage):
    save(storage, picture("a", client="0123456789abcdef"))
    save(storage, picture("b"))
    marks = {path.name[0]: os.listxattr(path) for path in storage.folder.iterdir()}
    assert marks == {"a": [ATTRIBUTE], "b": []}
    kept = os.getxattr(storage.folder / picture("a").name, ATTRIBUTE).decode()
    assert len(kept) == 16
    assert kept not in "0123456789abcdef"


def test_without_extended_attributes_all_are_one_client_s(storage, monkeypatch):
    def fail(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.setxattr", fail)
    save(storage, picture("a", client="polite"))
    for letter in "0123":
        save(storage, picture(letter, client="rude"))
    assert letters_in(storage) == {"1", "2", "3"}


def test_an_owner_is_read_once_and_again_when_the_file_was_replaced(storage, monkeypatch):
    save(storage, picture("a", client="one"))
    path = str(storage.folder / picture("a").name)
    owners, seen = Owners(), []
    monkeypatch.setattr("os.getxattr", lambda path, _, read=os.getxattr: seen.append(path) or read(path, ATTRIBUTE))
    for time in (1, 1, 2):
        owners.of([ImageFile(True, time, 1, path)])
    assert seen == [path, path]
    assert owners.of([ImageFile(True, 1, 1, path + "lost")]) == {path + "lost": ""}


def test_a_deleted_picture_leaves_nothing_of_its_client(storage):
    save(storage, picture("a", client="one"))
    asyncio.run(storage.delete(picture("a").name))
    assert [os.listxattr(path) for path in storage.folder.iterdir() if path.suffix == ".deleted"] == [[]]
