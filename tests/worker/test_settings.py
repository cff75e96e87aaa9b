"""Settings refuse nonsense by name, without telling secrets."""

import pytest

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
        ("ENGINES", "sketch"),
        ("WORKER_TOKEN", "a\nb"),
        ("IMGUR_CLIENT_ID", "ü"),
        ("PERCHANCE_UPLOAD_ORIGINS", "*"),
        ("STORAGE", "ftp"),
        ("PERCHANCE_ROUTES", "page,tunnel"),
    ],
)
def test_nonsense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} cannot be used"):
        load()


def test_secrets_are_not_shown():
    assert "hidden" not in repr(Settings(worker_token="hidden"))
