"""A sandbox for the tests of the engine `automatic1111`, all well before each test."""

import pytest
import requests

from tests.fakes.at_automatic1111 import play
from tests.fakes.processes import sandbox


@pytest.fixture(scope="package")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(running_site)
    return running_site
