"""An API tier with AUTH=huggingface, before the sandbox's Hub."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from image_api.auth import credential_checks
from image_api.credentials.credential_store import CredentialStore
from tests.api.auth.keys import store_at
from tests.fakes.processes import Server, sandbox

OPERATORS_TOKEN = "the-operator-s-token"
ADMIN = "Zoe"


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


ANN, BEN, ZOE = bearer("hf_read_ann"), bearer("hf_write_ben"), bearer("hf_fine_zoe")
OPERATOR = bearer(OPERATORS_TOKEN)


class Hub:
    """The sandbox's Hub."""

    def __init__(self, site: Server) -> None:
        self._site = site.url
        self.url = f"{site.url}/hub"

    def play(self, fault: str) -> None:
        """Play a fault from now on, or "ok"."""
        requests.post(f"{self._site}/sandbox", json={"hub": fault}, timeout=5).raise_for_status()

    def reset(self) -> None:
        """Play that all is well, and forget the checks."""
        requests.post(f"{self._site}/sandbox/reset", timeout=5).raise_for_status()

    @property
    def checks(self) -> int:
        """Return how many checks of tokens there were."""
        return len(requests.get(f"{self._site}/sandbox/log", timeout=5).json())


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with sandbox() as server:
        yield server


@pytest.fixture
def hub(site) -> Hub:
    found = Hub(site)
    found.reset()
    return found


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """A slow machine is no Hub that hangs."""
    monkeypatch.setattr(credential_checks, "STALE_WAIT_SECONDS", 20)


@pytest.fixture
def settings(hub) -> dict[str, Any]:
    """The settings of authentication."""
    return {
        "auth": "huggingface",
        "hub_url": hub.url,
        "admin_accounts": ADMIN,
        "worker_token": OPERATORS_TOKEN,
        "worker_wake_seconds": 0,
    }


@pytest.fixture
def client(client_with: Callable[..., FlaskClient], settings) -> FlaskClient:
    return client_with(**settings)


@pytest.fixture
def store(database_url) -> Iterator[CredentialStore]:
    """Yield the store of credentials in the test's database."""
    with store_at(database_url) as found:
        yield found
