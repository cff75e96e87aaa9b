"""Both tiers, a real Chromium and the sandbox as processes, once for all tests of a module."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from PIL import Image

from tests.api.conftest import ScriptedWorker
from tests.fakes.processes import Sandbox, Server, api, sandbox, wait_until, worker

TOKEN = "a-token-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Stack:
    """The running whole."""

    sandbox: Sandbox
    worker: Server
    api: Server

    def get(self, path: str = "/generate", headers: dict[str, str] | None = None, **query: object) -> requests.Response:
        """Ask the API as a caller does, without following redirects."""
        address = f"{self.api.url}{path}" + (f"?{urlencode(query)}" if query else "")
        return requests.get(address, headers=headers, allow_redirects=False, timeout=60)

    def play(self, **scenario: object) -> None:
        """Have the sandbox play something from now on; for a play about keys, the old ones end."""
        if "verify" in scenario:
            self.expire_keys()
        requests.post(f"{self.sandbox.url}/sandbox", json=scenario, timeout=5).raise_for_status()

    def expire_keys(self) -> None:
        """End the life of every key that the sandbox gave."""
        requests.post(f"{self.sandbox.url}/sandbox/expire", timeout=5).raise_for_status()

    def asked(self, endpoint: str) -> list[dict]:
        """The sandbox's log of one endpoint."""
        log = requests.get(f"{self.sandbox.url}/sandbox/log", timeout=5).json()
        return [entry for entry in log if entry["endpoint"] == endpoint]

    def gauge(self) -> dict[str, int]:
        """The sandbox's count of generations in flight."""
        return requests.get(f"{self.sandbox.url}/sandbox/gauge", timeout=5).json()

    def worker_health(self) -> dict:
        """What the worker says of itself."""
        return requests.get(f"{self.worker.url}/health", headers=OPERATOR, timeout=5).json()

    def picture(self, address: str) -> Image.Image:
        """The PNG behind an image_url, decoded."""
        answer = requests.get(address, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "image/png"
        image = Image.open(io.BytesIO(answer.content))
        image.load()
        return image


def worker_settings(site: Sandbox, folder: Path, **settings: object) -> dict[str, object]:
    """A worker's settings for that sandbox, with short limits and changes of the test's choice."""
    return {
        "WORKER_TOKEN": TOKEN,
        **site.pointers("perchance", "horde", "imgur", "cloudinary"),
        "PERCHANCE_PAGE_SECONDS": 4,
        "PERCHANCE_VERIFY_SECONDS": 4,
        "PERCHANCE_GENERATE_SECONDS": 6,
        "PERCHANCE_DOWNLOAD_SECONDS": 4,
        "PERCHANCE_POLL_SECONDS": 0.2,
        "PERCHANCE_RECYCLE_IMAGES": 1000,
        "PERCHANCE_REST_SECONDS": 0,
        "ENGINE_FAILURES": 0,
        "HORDE_POLL_SECONDS": 0.2,
        "QUEUE_SIZE": 2,
        "STORAGE_REST_SECONDS": 1,
        "LOCAL_STORAGE_DIR": folder,
        "SIMULATED": "true",
        **settings,
    }


@contextmanager
def running(
    folder: Path, ready: bool = True, before_start: Callable[[], object] | None = None, **settings: object
) -> Iterator[Stack]:
    """The whole, with short limits and a worker's settings of the test's choice."""
    with (
        sandbox() as site,
        worker(before_start=before_start, **worker_settings(site, folder, **settings)) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, SIMULATED="true") as front,
    ):
        stack = Stack(site, renderer, front)
        if ready:
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
        yield stack


@pytest.fixture
def scripted() -> Iterator[ScriptedWorker]:
    """A render worker that answers what the test says."""
    worker = ScriptedWorker()
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def package_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("images"), PERCHANCE_ROUTES="package") as stack:
        yield stack


@pytest.fixture(scope="session")
def page_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("images"), PERCHANCE_ROUTES="page") as stack:
        yield stack


@pytest.fixture(scope="session")
def both_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("images")) as stack:
        yield stack


def well(stack: Stack) -> Stack:
    """The running whole, with a site where all is well and an empty log."""
    wait_until(lambda: stack.gauge()["in_flight"] == 0, "an idle site")
    wait_until(lambda: stack.worker_health()["status"] == "ready", "a worker that is ready and does not rest")
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()
    return stack


@pytest.fixture
def stack(package_stack: Stack) -> Stack:
    """The route by the package."""
    return well(package_stack)


@pytest.fixture
def by_page(page_stack: Stack) -> Stack:
    """The route by the site's own page."""
    return well(page_stack)


@pytest.fixture
def by_both(both_stack: Stack) -> Stack:
    """Both routes in their default order."""
    return well(both_stack)
