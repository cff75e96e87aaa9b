"""How many jobs may be pending: in all, of one client while others have some, and with how many bytes of images."""

import pytest

from image_api.jobs.errors import TooManyJobs
from image_api.jobs.store.pending_limits import FULL, IMAGES_FULL, RESERVED, SHARE_USED, PendingLimits
from tests.api.jobs.stored import Stored, at_once, make_tables


@pytest.fixture
def stored_with(database_url):
    make_tables(database_url)
    return lambda max_pending: Stored(database_url, max_pending)


def admitted(stored: Stored, *owners: str) -> list[str]:
    """Return which of the owners' submits were admitted, and the first word of each refusal."""
    results = []
    for owner in owners:
        try:
            stored.submit(owner)
        except TooManyJobs as error:
            results.append({FULL: "full", RESERVED: "reserved", SHARE_USED: "share"}[str(error)])
        else:
            results.append(owner)
    return results


@pytest.mark.parametrize(
    ("limit", "owners", "results"),
    [
        (1, "aab", ["a", "full", "full"]),
        (2, "aaab", ["a", "a", "full", "b"]),  # what one got while alone keeps no other out
        (2, "abab", ["a", "b", "full", "full"]),
        (3, "aaaa", ["a", "a", "a", "full"]),
        (3, "abacd", ["a", "b", "share", "c", "full"]),
        (4, "aabbcab", ["a", "a", "b", "b", "full", "full", "full"]),
        (5, "abaabbc", ["a", "b", "a", "share", "b", "share", "c"]),
        (6, "aaaaaabbbbc", [*"aaaaaa", "b", "b", "b", "full", "full"]),
        (20, "abcdef" * 3 + "agghi", [*"abcdef" * 3, "reserved", "g", "reserved", "h", "full"]),
        (20, "a" * 21, [*"a" * 20, "full"]),
    ],
)
def test_a_client_gets_its_share(stored_with, limit, owners, results):
    assert admitted(stored_with(limit), *owners) == results


def test_a_place_is_free_again_once_a_job_begins_or_ends(stored_with):
    stored = stored_with(2)
    first, second = stored.submit("a"), stored.submit("b")
    assert admitted(stored, "a") == ["full"]
    stored.begin(first)
    assert admitted(stored, "a", "a") == ["a", "full"]
    stored.store.cancel(second.id)
    assert admitted(stored, "b") == ["b"]


def test_a_refusal_says_when_to_come_again(stored_with):
    stored = stored_with(1)
    stored.submit()
    with pytest.raises(TooManyJobs) as refused:
        stored.submit()
    assert (refused.value.status, refused.value.retry_after) == (503, 60)


def test_the_limit_holds_for_jobs_of_one_group_and_of_two_processes(stored_with):
    processes = [stored_with(10), stored_with(10)]
    results = at_once(*[lambda it=processes[index % 2]: it.submit("one") for index in range(30)])
    assert [type(it).__name__ for it in results].count("Job") == 10
    assert processes[0].numbers() == {"one": (10, 0)}


def test_a_key_that_was_seen_is_answered_though_all_is_full(stored_with):
    stored = stored_with(1)
    job = stored.submit(idempotency_key="k")
    assert stored.submit(idempotency_key="k").id == job.id


def test_images_have_a_limit_of_their_own(stored_with):
    stored = stored_with(100)
    stored.store._limits = PendingLimits(100, max_image_bytes=100)
    first = stored.submit(image=b"x" * 60)
    stored.begin(first)
    with pytest.raises(TooManyJobs, match=IMAGES_FULL):
        stored.submit("another", image=b"x" * 41)
    stored.submit("another", image=b"x" * 40)
    stored.submit()
    stored.end(stored.store.get(first.id))
    stored.submit(image=b"x" * 60)
    assert stored.numbers() == stored.counted() == {"one": (2, 60), "another": (1, 40)}
