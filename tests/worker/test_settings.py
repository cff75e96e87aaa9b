"""Settings refuse nonsense by name, without telling secrets."""

import pytest

from render_worker.engines import build_engines
from render_worker.settings import Settings, load


def test_it_works(monkeypatch):
    monkeypatch.setenv("PERCHANCE_SESSIONS", "3")
    monkeypatch.setenv("ENGINES", " perchance ,")
    monkeypatch.setenv("WORKER_TOKEN", "")
    settings = load()
    assert (settings.perchance_sessions, settings.engines, settings.worker_token) == (3, ("perchance",), None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("QUEUE_SIZE", "-1"),
        ("PERCHANCE_BASE_URL", "perchance.org"),
        ("LOG_LEVEL", "loud"),
        ("ENGINES", ","),
        ("STORAGE", "ftp"),
        ("PERCHANCE_ROUTES", "page,tunnel"),
    ],
)
def test_nonsense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} cannot be used"):
        load()


@pytest.mark.parametrize("engines", [("sketch",), ("perchance", "midjourney")])
def test_an_engine_that_may_not_answer_auto_is_refused_by_name(engines):
    with pytest.raises(SystemExit, match="ENGINES cannot be used"):
        build_engines(Settings(engines=engines))


def test_secrets_are_not_shown():
    assert "hidden" not in repr(Settings(worker_token="hidden"))
