"""A deletion with several render workers: each is asked, and one that cannot be asked is a failure."""

import pytest

from image_api.dispatch.deletion import delete_picture
from image_api.dispatch.pool.worker_pool import WorkerPool
from image_api.errors import DeletionUnsupported, PictureDeleted, PictureGone, Relayed, WorkerUnavailable
from image_api.generation.cache import MemoryCache
from image_api.generation.picture_locations import PictureLocations
from image_api.settings import Settings
from tests.api.conftest import NAME, ScriptedWorker

FAILED = {"error": "s3: failed.", "code": "storage_failed"}
UNSUPPORTED = {"error": "Imgur deletes only by a deletehash.", "code": "deletion_unsupported"}
BODIES = {204: b"", 502: FAILED, 409: UNSUPPORTED}


@pytest.fixture
def workers():
    found = [ScriptedWorker() for _ in range(2)]
    yield found
    for worker in found:
        worker.close()


@pytest.fixture
def pool(workers):
    urls = ",".join(worker.url for worker in workers)
    pool = WorkerPool(Settings(perchance_worker_url=urls, worker_wake_seconds=0), PictureLocations(MemoryCache()))
    yield pool
    pool.stop()


def say(workers, *statuses):
    for worker, status in zip(workers, statuses, strict=True):
        worker.say(status, BODIES.get(status, {"error": "x", "code": "not_found"}))


@pytest.mark.parametrize("statuses", [(204, 204), (204, 404), (404, 204), (410, 204), (409, 204)], ids=str)
def test_one_that_had_it_is_enough_and_all_are_asked(workers, pool, statuses):
    say(workers, *statuses)
    delete_picture(pool, NAME)
    assert [[it[:2] for it in worker.requests] for worker in workers] == [[("DELETE", f"/images/{NAME}")]] * 2


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((404, 404), PictureGone),
        ((404, 410), PictureDeleted),
        ((410, 404), PictureDeleted),
        ((410, 409), DeletionUnsupported),
        ((204, 502), Relayed),
        ((502, 204), Relayed),
        ((409, 502), Relayed),
    ],
    ids=str,
)
def test_of_several_errors_the_one_that_says_most_is_raised(workers, pool, statuses, expected):
    say(workers, *statuses)
    with pytest.raises(expected):
        delete_picture(pool, NAME)


def test_one_that_cannot_be_reached_may_have_it_still(workers, pool):
    say(workers, 204, 204)
    workers[1].close()
    with pytest.raises(WorkerUnavailable):
        delete_picture(pool, NAME)
    assert len(workers[0].requests) == 1
