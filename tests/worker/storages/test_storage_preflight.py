"""The preflight of storages: it does not block the loop, and a disk that hangs keeps nothing else waiting."""

import asyncio
import logging
import shutil
import threading

import pytest

from render_worker.contract import GenerateRequest
from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import preflight
from render_worker.storages.base import Storage, StoredObject
from render_worker.storages.chain import StorageChain
from render_worker.storages.local.storage import LocalStorage
from render_worker.storages.local.tombstones import TOMBSTONE
from render_worker.storages.preflight import FAULT, NO_RESPONSE, Preflight
from tests.fakes.played import Played, pipelines

PICTURE = Picture(b"the bytes", 1, 1, "a" * 64)


class Elsewhere(Storage):
    """A storage that saves every picture, at once."""

    name, title = "elsewhere", "Elsewhere"

    def __init__(self) -> None:
        pass

    async def save(self, picture: Picture) -> StoredObject:
        return StoredObject("https://elsewhere/x.png", picture.content_type)

    async def delete(self, reference: str) -> bool:
        return False


class Disk:
    """A disk that hangs when its size is asked for, until `going` is set."""

    def __init__(self, monkeypatch) -> None:
        self.going = threading.Event()
        self.threads: list[threading.Thread] = []
        self._look = shutil.disk_usage
        monkeypatch.setattr("shutil.disk_usage", self._usage)

    def _usage(self, folder):
        self.threads.append(threading.current_thread())
        assert self.going.wait(60)
        return self._look(folder)


@pytest.fixture
def hanging(monkeypatch):
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 0.2)
    disk = Disk(monkeypatch)
    yield disk
    disk.going.set()


@pytest.fixture
def local(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "images"))


def test_the_loop_never_looks_at_the_disk_itself(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.going.set()
    pipeline = pipelines(tmp_path)(Played("one"))
    asyncio.run(pipeline.generate(GenerateRequest(prompt="a")))
    assert disk.threads
    assert threading.main_thread() not in disk.threads


def test_a_crowd_that_is_refused_costs_one_check(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.going.set()
    monkeypatch.setattr(preflight, "SHARED_SECONDS", 60.0)
    monkeypatch.setattr(preflight, "REASON_TIMES", 10**9)
    (tmp_path / "images").mkdir()
    pipeline = pipelines(tmp_path)(Played("one"))
    monkeypatch.setattr("render_worker.storages.local.storage.SMALL_BYTES", 10**18)

    async def crowd():
        asked = (pipeline.generate(GenerateRequest(prompt=f"{n}")) for n in range(50))
        return await asyncio.gather(*asked, return_exceptions=True)

    errors = asyncio.run(crowd())
    assert {str(error) for error in errors} == {"The local folder: the disk of LOCAL_STORAGE_DIR is full."}
    assert len(pipeline.storages.unavailable_reasons()) == 1
    assert len(disk.threads) == 1


def test_a_problem_is_over_as_soon_as_its_cause_is(monkeypatch):
    found = ["full", None, "full"]
    shared = Preflight(lambda: found.pop(0), blocks=True)
    monkeypatch.setattr(preflight, "REASON_TIMES", 0)
    assert [asyncio.run(shared.reason()) for _ in range(4)] == ["full", None, None, None]
    assert shared.reason_blocking() is None
    assert asyncio.run(shared.reason(fresh=True)) == "full"


def test_a_disk_that_hangs_is_passed_over_and_asked_once(hanging, local):
    storages = StorageChain(local, Elsewhere())

    async def crowd():
        return await asyncio.gather(*(storages.save(PICTURE, 30) for _ in range(20)))

    outcomes = asyncio.run(crowd())
    assert {outcome.storage for outcome in outcomes} == {"elsewhere"}
    assert {outcome.problem.error for outcome in outcomes} == {f"The local folder: {NO_RESPONSE}."}
    assert storages.unavailable_reasons() == [f"local: {NO_RESPONSE}"]
    assert storages.available
    assert len(hanging.threads) == 1


def test_one_behind_a_storage_that_is_well_is_not_looked_at(hanging, local):
    storages = StorageChain(Elsewhere(), local)

    async def picture():
        await storages.preflight("png")
        async with storages.attempt("png"):
            return await storages.save(PICTURE, 30)

    assert asyncio.run(picture()).storage == "elsewhere"
    assert hanging.threads == []


def test_a_disk_that_comes_back_is_used_again(hanging, local, monkeypatch):
    monkeypatch.setattr(preflight, "SHARED_SECONDS", 0.0)
    storages = StorageChain(local, Elsewhere())
    assert asyncio.run(storages.save(PICTURE, 30)).storage == "elsewhere"
    hanging.going.set()
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 30.0)
    storages._preflights[local]._latest.result(30)
    assert asyncio.run(storages.save(PICTURE, 30)).storage == "local"


def test_a_folder_that_hangs_while_it_saves_gives_up_its_time(local, monkeypatch):
    monkeypatch.setattr("render_worker.storages.chain.FOLDER_SECONDS", 0.2)
    monkeypatch.setattr("render_worker.storages.chain.HANGING_SECONDS", 0.2)
    storages, going, saved = StorageChain(local, Elsewhere()), threading.Event(), []
    monkeypatch.setattr(local, "_save", lambda deadline, picture: saved.append(going.wait(60)))

    async def two():
        try:
            return [(await storages.save(PICTURE, 30)).storage for _ in range(2)]
        finally:
            going.set()

    assert asyncio.run(two()) == ["elsewhere"] * 2
    local._thread.submit(int).result(30)
    assert saved == [True]  # the second found the breaker open


def test_a_marker_on_a_disk_that_hangs_keeps_no_picture_waiting(local, monkeypatch):
    monkeypatch.setattr("render_worker.storages.local.storage.TOMBSTONE_WAIT_SECONDS", 0.1)
    local.folder.mkdir()
    tombstone = local.folder / (PICTURE.name + TOMBSTONE)
    tombstone.touch()
    storages, going = StorageChain(Elsewhere(), local), threading.Event()
    local._thread.submit(going.wait, 60)

    async def crowd():
        outcomes = [await storages.save(PICTURE, 30) for _ in range(3)]
        assert tombstone.exists()
        going.set()
        return outcomes

    assert {outcome.storage for outcome in asyncio.run(crowd())} == {"elsewhere"}
    local._thread.submit(int).result(30)
    assert not tombstone.exists()


def test_a_check_that_fails_unforeseen_is_a_problem_of_that_storage_alone(caplog):
    def fail():
        raise RuntimeError("a bug")

    shared = Preflight(fail, blocks=True)
    assert (asyncio.run(shared.reason()), shared.reason_blocking()) == (FAULT, FAULT)
    assert [record.exc_info[0] for record in caplog.records if record.levelno == logging.ERROR] == [RuntimeError]


def test_a_storage_that_breaks_while_requests_wait_stops_those_too(tmp_path):
    folder = tmp_path / "images"

    class Breaking(Played):
        async def generate(self, recipe, report):
            while pipeline.admission.health().waiting < 3:
                await asyncio.sleep(0.01)
            folder.rmdir()
            folder.write_text("in the way")
            return await super().generate(recipe, report)

    engine = Breaking("one", slots=1)
    pipeline = pipelines(tmp_path)(engine)

    async def crowd():
        asking = [asyncio.create_task(pipeline.generate(GenerateRequest(prompt=f"{n}"))) for n in range(4)]
        return await asyncio.gather(*asking, return_exceptions=True)

    assert [type(one).__name__ for one in asyncio.run(crowd())] == ["StorageFailed"] * 4
    assert len(engine.recipes) == 1
