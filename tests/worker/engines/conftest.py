"""A sandbox for the tests of the engines, all well before each test."""

import pytest
import requests

from tests.fakes.processes import sandbox


@pytest.fixture(scope="module")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    requests.post(f"{running_site.url}/sandbox", json={"painted": "beforehand"}, timeout=5).raise_for_status()
    return running_site
