"""While the browser still starts, model=auto is answered by an engine that is expected sooner."""

import pytest

from tests.end_to_end.conftest import Stack, running
from tests.fakes.playwright_browser import installed_browser
from tests.fakes.processes import wait_until


@pytest.fixture
def gate(tmp_path):
    """Return a file until which the browser does not start, and the executable that waits for it."""
    opened, executable = tmp_path / "opened", tmp_path / "chromium"
    executable.write_text(f'#!/bin/sh\nuntil [ -e {opened} ]; do sleep 0.1; done\nexec {installed_browser()} "$@"\n')
    executable.chmod(0o755)
    return opened, executable


def is_launched(stack: Stack) -> bool:
    return stack.worker_health()["engines"]["perchance"]["state"] == "ready"


def test_the_next_engine_answers_until_the_browser_is_there(gate, tmp_path):
    opened, executable = gate
    chain = {"ENGINES": "perchance,pollinations", "PERCHANCE_ROUTES": "package", "CHROMIUM_PATH": executable}
    with running(tmp_path / "images", **chain) as stack:
        body = stack.get(prompt="a tree").json()
        assert (body["engine"], body["fallback_from"]) == (
            "pollinations",
            [{"engine": "perchance", "code": "engine_starting"}],
        )
        stream = stack.get(prompt="a tree", headers={"Accept": "text/event-stream"}).text
        assert "perchance cannot make it now (engine_starting); asking pollinations." in stream
        opened.touch()
        wait_until(lambda: is_launched(stack), "the browser")
        body = stack.get(prompt="a tree").json()
        assert (body["engine"], "fallback_from" in body) == ("perchance", False)
