"""Both tiers with AI Horde's stand-in and the painter, and each client's program, once for a session."""

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.clients.driver import Driver
from tests.end_to_end.conftest import Stack, running

MODELS = ["auto", "horde", "sketch"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run both tiers and the sandbox, without a browser."""
    with running(tmp_path_factory.mktemp("images"), ENGINES="horde") as stack:
        yield stack


@pytest.fixture(scope="session")
def front(stack: Stack) -> str:
    """Return the API tier's address."""
    return stack.api.url


@pytest.fixture
def play(stack: Stack) -> Iterator[Callable[..., None]]:
    """Return a function that sets the sandbox's scenario until the test's end."""
    yield stack.play
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()


@pytest.fixture(scope="session")
def base(front: str) -> str:
    """Return what a client is given as its base URL."""
    return f"{front}/v1"


@pytest.fixture(scope="session")
def start(base: str) -> Iterator[Callable[[str], Driver]]:
    """Return a function that returns a client's program, which runs until the session's end."""
    started: dict[str, Driver] = {}
    with ExitStack() as programs:

        def driver(program: str) -> Driver:
            if program not in started:
                started[program] = programs.enter_context(Driver(program, base))
            return started[program]

        yield driver


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a PNG to edit."""
    path = tmp_path_factory.mktemp("uploads") / "photo.png"
    Image.new("RGBA", (64, 64), "teal").save(path)
    return str(path)


def decoded(content: bytes) -> Image.Image:
    """Return a picture, decoded. Raises OSError if it is none."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def fetched(address: str, headers: dict[str, str] | None = None) -> bytes:
    """Return the picture at an address. Raises AssertionError if no picture is served there."""
    response = requests.get(address, headers=headers, timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("image/")
    return response.content


def picture_of(item: dict, headers: dict[str, str] | None = None) -> Image.Image:
    """Return the picture that an item's `url` leads to or its `b64_json` is, the same if it has both."""
    contents = set()
    if item.get("url"):
        contents.add(fetched(item["url"], headers))
    if item.get("b64_json"):
        contents.add(base64.b64decode(item["b64_json"], validate=True))
    [content] = contents
    return decoded(content)


def bytes_of(path: str) -> bytes:
    """Return a file's content."""
    return Path(path).read_bytes()
