"""Both tiers, a real Chromium and the sandbox as processes, shared by the tests of a session."""

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
from tests.end_to_end.rendering import DISPATCHES, Rendering, rendering, scripted_rendering
from tests.fakes.processes import Sandbox, Server, api, sandbox, wait_until

TOKEN = "a-token-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Stack:
    """Both tiers and the sandbox, running."""

    sandbox: Sandbox
    worker: Server
    api: Server
    rendering: Rendering | None = None
    """What makes the pictures."""

    def get(self, path: str = "/generate", headers: dict[str, str] | None = None, **query: object) -> requests.Response:
        """Send a GET to the API tier as a client does, without following redirects; return the response."""
        address = f"{self.api.url}{path}" + (f"?{urlencode(query)}" if query else "")
        return requests.get(address, headers=headers, allow_redirects=False, timeout=60)

    def play(self, **scenario: object) -> None:
        """Set the sandbox's scenario; if it is about keys, those given before expire."""
        if "verify" in scenario:
            self.expire_keys()
        requests.post(f"{self.sandbox.url}/sandbox", json=scenario, timeout=5).raise_for_status()

    def expire_keys(self) -> None:
        """Expire every key that the sandbox gave."""
        requests.post(f"{self.sandbox.url}/sandbox/expire", timeout=5).raise_for_status()

    def requests_to(self, endpoint: str) -> list[dict]:
        """Return the sandbox's log of the requests to one endpoint."""
        log = requests.get(f"{self.sandbox.url}/sandbox/log", timeout=5).json()
        return [entry for entry in log if entry["endpoint"] == endpoint]

    def gauge(self) -> dict[str, int]:
        """Return the sandbox's counts of what is in flight, and their peak."""
        return requests.get(f"{self.sandbox.url}/sandbox/gauge", timeout=5).json()

    def worker_health(self) -> dict:
        """Return the worker's /health, as its operator sees it."""
        return requests.get(f"{self.worker.url}/health", headers=OPERATOR, timeout=5).json()

    def picture(self, address: str) -> Image.Image:
        """Return the PNG behind an image_url, decoded. Raises AssertionError if it is none."""
        response = requests.get(address, timeout=30)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "image/png"
        image = Image.open(io.BytesIO(response.content))
        image.load()
        return image


def worker_settings(site: Sandbox, folder: Path, **settings: object) -> dict[str, object]:
    """Return a worker's settings for that sandbox: short timeouts, and the test's own settings over them."""
    return {
        "WORKER_TOKEN": TOKEN,
        **site.pointers("perchance", "horde", "pollinations", "imgur", "cloudinary"),
        "PERCHANCE_PAGE_SECONDS": 4,
        "PERCHANCE_VERIFY_SECONDS": 4,
        "PERCHANCE_GENERATE_SECONDS": 6,
        "PERCHANCE_DOWNLOAD_SECONDS": 4,
        "PERCHANCE_POLL_SECONDS": 0.2,
        "PERCHANCE_RECYCLE_IMAGES": 1000,
        "PERCHANCE_REST_SECONDS": 0,
        "PERCHANCE_CLOSED_SECONDS": 0,
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
    folder: Path,
    ready: bool = True,
    before_start: Callable[[], object] | None = None,
    dispatch: str = "direct",
    **settings: object,
) -> Iterator[Stack]:
    """Run both tiers and the sandbox; `settings` are the worker's, and `ready` waits until it is."""
    with (
        sandbox() as site,
        rendering(dispatch, before_start, **worker_settings(site, folder, **settings)) as made_by,
        api(**{**made_by.of_api, "WORKER_TOKEN": TOKEN, "SIMULATED": "true"}) as front,
    ):
        stack = Stack(site, made_by.worker, front, made_by)
        if ready:
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
        yield stack


@pytest.fixture
def scripted() -> Iterator[ScriptedWorker]:
    """Run a render worker that responds as the test says."""
    worker = ScriptedWorker()
    yield worker
    worker.close()


@pytest.fixture(params=DISPATCHES)
def api_before(request: pytest.FixtureRequest, scripted: ScriptedWorker) -> Iterator[Callable[..., Server]]:
    """Makes API tiers, not started, whose requests the scripted worker gets by each dispatch in turn."""
    with scripted_rendering(request.param, scripted) as own:
        yield lambda **settings: api(**{**own, **settings})


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


def clear(stack: Stack) -> None:
    """Reset the sandbox's scenario and log, and end what it does for its own users."""
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()


def reset(stack: Stack) -> Stack:
    """Return the stack when it is idle and ready, after a reset of the sandbox's scenario and log."""
    clear(stack)  # what the test before left at work ends sooner
    wait_until(lambda: stack.gauge()["in_flight"] == 0, "an idle site")
    wait_until(lambda: stack.worker_health()["status"] == "ready", "a ready worker with closed breakers")
    clear(stack)
    return stack


@pytest.fixture
def stack(package_stack: Stack) -> Stack:
    """Return the stack whose only route is the package."""
    return reset(package_stack)


@pytest.fixture
def by_page(page_stack: Stack) -> Stack:
    """Return the stack whose only route is the site's own page."""
    return reset(page_stack)


@pytest.fixture
def by_both(both_stack: Stack) -> Stack:
    """Return the stack with both routes in their default order."""
    return reset(both_stack)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a module's pictures."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def sketching(folder: Path) -> Iterator[Stack]:
    """Run both tiers for the tests of one module, which change or end them; the painter needs no readiness."""
    with running(folder, ready=False, ENGINES="horde") as stack:
        yield stack
