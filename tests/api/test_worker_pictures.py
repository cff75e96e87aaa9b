"""Several render workers: a picture is found at the one that has it, and missing only if each says so."""

import pytest
import requests

from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

NAME = "b" * 64 + ".png"
PATH = f"/images/{NAME}"


def path_of(answer: requests.Response) -> str:
    """Return the path of a picture that was made."""
    return "/images/" + answer.json()["image_url"].rpartition("/")[2]


class TestSearch:
    def test_it_works(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        for _ in range(4):
            made = front.make()
            name = path_of(made).rpartition("/")[2]
            assert front.get(path_of(made)).content == (both[0].files | both[1].files)[name]

    def test_it_is_fetched_from_the_worker_that_made_it_alone(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        paths = [path_of(front.make()) for _ in range(4)]
        for worker in both:
            worker.asked.clear()
        for path in paths:
            assert front.get(path).status_code == requests.head(f"{front.url}{path}", timeout=10).status_code == 200
        assert [len([path for _, path in it.asked if path.startswith("/images/")]) for it in both] == [4, 4]

    def test_it_is_found_after_a_restart(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        paths = [path_of(front.make()) for _ in range(4)]
        front.close()
        again = before(both)
        assert [again.get(path).status_code for path in paths] == [200] * 4

    def test_another_process_finds_it_by_redis(self, workers, before):
        both = workers()
        with RedisServer() as redis:
            first, second = before(both, redis_url=redis.url), before(both, redis_url=redis.url)
            first.warm(*both)
            second.warm(*both)
            paths = [path_of(first.make()) for _ in range(4)]
            both[0].asked.clear()
            both[1].asked.clear()
            assert [second.get(path).status_code for path in paths] == [200] * 4
            assert [len([path for _, path in it.asked if path.startswith("/images/")]) for it in both] == [2, 2]

    def test_one_that_sleeps_is_not_woken_if_another_has_it(self, workers, before):
        both = workers(asleep=(0,))
        both[1].files[NAME] = b"a picture"
        front = before(both)
        front.warm(both[1])
        assert front.get(PATH).content == b"a picture"
        assert both[0].asked == []

    def test_one_that_sleeps_is_woken_if_no_other_has_it(self, workers, before):
        both = workers()
        both[1].files[NAME] = b"a picture"
        front = before(both)
        front.warm(both[0])
        assert front.get(PATH).content == b"a picture"

    def test_a_recipe_is_found_as_well(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[1].recipes[NAME] = {"prompt": "an old tree", "seed": 7}
        assert front.get(PATH).status_code in (200, 302)
        assert [it["prompt"] for worker in both for it in worker.generated] == ["an old tree"]


class TestMissing:
    def test_it_is_missing_if_each_says_so(self, workers, before):
        both = workers()
        assert before(both).get(PATH).status_code == 404
        assert all(("GET", PATH) in worker.asked for worker in both)

    def test_it_may_be_at_one_that_is_out_of_reach(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[1].close()
        answer = front.get(PATH)
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")

    def test_that_is_told_also_if_it_was_lost_long_before(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        path = path_of(front.make())
        both[0].close()
        front.make_many(2, 2)
        assert front.get(path).json()["code"] == "worker_unavailable"

    def test_a_copy_elsewhere_will_do(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        path = path_of(front.make())
        both[1].files = dict(both[0].files)
        both[0].close()
        assert front.get(path).status_code == 200

    @pytest.mark.parametrize("index", [0, 1])
    def test_a_tombstone_of_any_counts(self, workers, before, index):
        both = workers()
        both[index].deleted.add(NAME)
        answer = before(both).get(PATH)
        assert (answer.status_code, answer.json()["code"]) == (410, "picture_deleted")

    def test_a_tombstone_counts_also_if_another_is_out_of_reach(self, workers, before):
        both = workers()
        both[1].deleted.add(NAME)
        front = before(both)
        front.warm(*both)
        both[0].close()
        assert front.get(PATH).status_code == 410

    def test_a_file_that_its_worker_lost_is_made_again(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        path = path_of(front.make())
        both[0].files.clear()
        assert front.get(path).status_code in (200, 302)
        wait_until(lambda: sum(len(worker.generated) for worker in both) == 2, "it is made again")
