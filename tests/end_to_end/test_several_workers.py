"""Two render workers, real ones with the painter: kills under load, restarts, and a cancellation."""

import os
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from tests.end_to_end.conftest import OPERATOR, TOKEN
from tests.fakes.processes import Server, api, wait_until, worker

CLIENTS = 6
REQUESTS = 60
BURST = 16  # more than one worker has slots


class Pair:
    """An API tier before two render workers, each with a folder of its own."""

    def __init__(self, running: ExitStack, folder, **settings: object) -> None:
        self.workers = [
            running.enter_context(
                worker(WORKER_TOKEN=TOKEN, ENGINES="horde", LOCAL_STORAGE_DIR=folder / str(number), **settings)
            )
            for number in range(2)
        ]
        urls = ",".join(each.url for each in self.workers)
        self.front = running.enter_context(api(PERCHANCE_WORKER_URL=urls, WORKER_TOKEN=TOKEN, CACHE_EXPIRATION_HOURS=0))
        self.folders = [folder / str(number) for number in range(2)]

    def make(self, prompt: str = "a tree", **query: object) -> requests.Response:
        return requests.get(
            f"{self.front.url}/generate",
            params={"prompt": prompt, "model": "sketch", "width": 128, "height": 128, **query},
            timeout=60,
        )

    def made(self) -> list[int]:
        """Return how many pictures each worker has."""
        return [len(list(folder.glob("*.png"))) for folder in self.folders]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with ExitStack() as running:
        yield Pair(running, tmp_path_factory.mktemp("images"))


@pytest.fixture
def pair(servers):
    """The two workers, both of which are up and known to be."""
    for each in servers.workers:
        if each.process.poll() is not None:
            each.start_again()
            wait_until(each._is_up, "a worker is up")

    def both_work() -> bool:
        before = servers.made()
        with ThreadPoolExecutor(BURST) as clients:
            list(clients.map(lambda _: servers.make(uuid.uuid4().hex), range(BURST)))
        return all(now > then for now, then in zip(servers.made(), before, strict=True))

    wait_until(both_work, "both make pictures")
    return servers


def kill(server: Server) -> None:
    """Kill a server and all its processes at once, without a word."""
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def test_a_kill_of_one_under_load_loses_no_request_and_both_are_used_again(pair):
    answers: list[requests.Response] = []

    def ask(number: int) -> None:
        answers.append(pair.make(f"tree {number}"))

    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(ask, number) for number in range(REQUESTS)]
        wait_until(lambda: len(answers) > REQUESTS // 4, "some pictures")
        kill(pair.workers[0])
        for each in asked:
            each.result()
    assert Counter(it.status_code for it in answers) == {200: REQUESTS}
    kept = [it.json()["image_url"] for it in answers]
    pair.workers[0].start_again()
    before = pair.made()[0]
    wait_until(
        lambda: pair.make(uuid.uuid4().hex).ok and pair.made()[0] > before, "the killed one makes pictures again"
    )
    assert {requests.get(url, timeout=30).status_code for url in kept} == {200}
    pair.front.stop()
    pair.front.start_again()
    wait_until(pair.front._is_up, "the API is up again")
    assert {requests.get(url, timeout=30).status_code for url in kept} == {200}


def test_a_worker_that_ends_gracefully_loses_no_request(pair):
    answers: list[requests.Response] = []

    def ask(number: int) -> None:
        answers.append(pair.make(f"tree {number}"))

    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(ask, number) for number in range(REQUESTS)]
        wait_until(lambda: len(answers) > REQUESTS // 4, "some pictures")
        pair.workers[1].stop()
        for each in asked:
            each.result()
    assert Counter(it.status_code for it in answers) == {200: REQUESTS}


def test_a_picture_is_out_of_reach_with_its_worker_and_missing_at_none(pair):
    answers = [pair.make(f"tree {number}") for number in range(4)]
    name = answers[0].json()["image_url"].rpartition("/")[2]
    assert requests.get(f"{pair.front.url}/images/{'e' * 64}.png", timeout=30).status_code == 404
    has = next(folder for folder in pair.folders if (folder / name).exists())
    index = pair.folders.index(has)
    assert requests.get(f"{pair.workers[index].url}/images/{name}", headers=OPERATOR, timeout=10).ok
    kill(pair.workers[index])
    gone = requests.get(f"{pair.front.url}/images/{name}", timeout=60)
    assert (gone.status_code, gone.json()["code"]) == (503, "worker_unavailable")


def test_health_and_models_tell_of_both(pair):
    models = requests.get(f"{pair.front.url}/models", timeout=30).json()
    assert [it["number"] for it in models["workers"]] == [1, 2]
    assert all("sketch" in it["models"] for it in models["workers"])
    assert [it["number"] for it in requests.get(f"{pair.front.url}/health", timeout=5).json()["workers"]] == [1, 2]
