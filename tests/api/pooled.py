"""The API tier in this process, served over HTTP, before several render workers that are real HTTP servers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from werkzeug.serving import make_server

from image_api.application import create_app
from image_api.services import services_of
from image_api.settings import Settings
from tests.fakes.slotted_worker import SlottedWorker


class Front:
    """An API tier before some workers."""

    def __init__(self, workers: list[SlottedWorker], **settings: object) -> None:
        urls = ",".join(worker.url for worker in workers)
        given = {"perchance_worker_url": urls, "cache_expiration_hours": 0, "worker_wake_seconds": 20, **settings}
        self.app = create_app(Settings(**given))
        self.pool = services_of(self.app).worker
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def get(self, path: str = "/generate", **query: object) -> requests.Response:
        """Send a GET."""
        return requests.get(f"{self.url}{path}", params=query, timeout=60, allow_redirects=False)

    def make(self, prompt: str = "a tree", **query: object) -> requests.Response:
        """Ask for a picture."""
        return self.get(prompt=prompt, **query)

    def make_many(self, count: int, clients: int = 8, **query: object) -> list[requests.Response]:
        """Ask for so many pictures, from so many clients at a time."""
        with ThreadPoolExecutor(clients) as threads:
            return list(threads.map(lambda number: self.make(f"tree {number}", **query), range(count)))

    def warm(self, *workers: SlottedWorker) -> None:
        """Have the tier know that these are up, by as many requests as that takes; forget what they were asked."""
        known = {client.number: client for client in self.pool.each}
        for number, client in known.items():
            if any(worker.url == client._connection.url for worker in workers):
                client.health()
                client.model_names()
                assert client.is_awake, number
        for worker in workers:
            worker.asked.clear()

    def close(self) -> None:
        services_of(self.app).generation.stop()
        self._server.shutdown()
        self._server.server_close()
        services_of(self.app).close()


def seconds_of(action) -> float:
    """Return how long an action takes."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
