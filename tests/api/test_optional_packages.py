"""A setting whose package is not installed, as in the image's smaller target, is refused by what to do."""

import sys

import pytest

from image_api.settings import Settings, load

REDIS = {"REDIS_URL": "redis://127.0.0.1:6379/0"}


@pytest.mark.parametrize(
    ("package", "name", "environment"),
    [
        ("redis", "REDIS_URL", REDIS),
        ("celery", "DISPATCH", {**REDIS, "DISPATCH": "celery"}),
        ("psycopg", "DATABASE_URL", {"DATABASE_URL": "postgres://user:password@host/jobs"}),
    ],
)
def test_it_is_refused_with_what_to_install(package, name, environment, monkeypatch):
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert load()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as ended:
        load()
    sentence = str(ended.value)
    assert sentence.startswith(f"{name} ")
    assert f"it needs the package {package}, which is not installed" in sentence
    assert "--target full" in sentence
    assert "user:password@host/jobs" not in sentence


@pytest.mark.parametrize("package", ["redis", "celery", "psycopg"])
def test_none_is_needed_by_default(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    assert Settings(database_url="sqlite:////data/jobs.db").dispatch == "direct"
