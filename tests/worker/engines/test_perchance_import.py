"""Perchance's browser is imported when the engine starts: what an installation lacks for it is found then."""

import asyncio
import sys

import pytest

from render_worker.engines.perchance.engine import PerchanceEngine
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.services import start_engines


@pytest.fixture
def engine(monkeypatch):
    """Return an engine in an installation without Playwright."""
    for name in ("render_worker.engines.perchance.pool", "render_worker.browser.browser"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "playwright", None)
    return PerchanceEngine(PerchanceSettings())


def test_it_is_expected_to_start_until_that_has_failed(engine):
    assert (engine.health().state, engine.seconds_to_start() > 0) == ("starting", True)


def test_without_playwright_it_is_down_and_says_so(engine):
    asyncio.run(start_engines([engine]))
    health = engine.health()
    assert (health.state, engine.seconds_to_start()) == ("down", 0)
    assert "playwright" in (health.reason or "")
