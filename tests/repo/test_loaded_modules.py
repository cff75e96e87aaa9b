"""What this service does not use is not loaded: each of these libraries takes 3 to 15 MiB, and a cold start longer."""

import json
import subprocess
import sys

import pytest

from image_api.starting import STEPS
from tests.fakes.processes import ROOT, clean_environment

PROGRAM = """
import json, sys
from image_api.application import create_app
from image_api.settings import Settings

create_app(Settings(){jobs})
json.dump(sorted(sys.modules), sys.stdout)
"""
BEFORE_LISTENING = """
import json, runpy, sys

runpy.run_path("gunicorn.conf.py")
import gunicorn.app.wsgiapp, gunicorn.arbiter
import image_api.gunicorn_worker

json.dump(sorted(sys.modules), sys.stdout)
"""
JOBS = """)
from image_api.jobs.database.database import Database
from image_api.jobs.migrations.migration import bring_up_to_date
import image_api.jobs.service
from sqlalchemy import create_engine
create_engine("sqlite://").connect("""


def loaded(program: str) -> set[str]:
    """Return the modules that a program has loaded at its end."""
    environment = clean_environment()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def without_jobs():
    return loaded(PROGRAM.format(jobs=""))


def test_before_gunicorn_listens_only_its_settings_and_its_worker_are_loaded():
    modules = loaded(BEFORE_LISTENING)
    assert {"gevent", "pydantic", "image_api.settings", "image_api.starting"} <= modules
    assert not {"werkzeug", "flask", "urllib3", "requests", "render_worker.contract"} & modules
    assert not {"image_api.application", "image_api.services", "image_api.errors"} & modules


def test_what_is_loaded_step_by_step_is_what_the_application_needs(without_jobs):
    assert set(STEPS) <= without_jobs


@pytest.mark.parametrize(
    "library",
    [
        *("alembic", "asyncio", "celery", "kombu", "PIL", "psycopg", "redis", "simple_websocket", "sqlalchemy"),
        *("standardwebhooks", "wsproto"),
    ],
)
def test_a_service_without_jobs_does_not_load(library, without_jobs):
    assert "flask" in without_jobs
    assert library not in without_jobs


def test_a_service_without_auth_does_not_load_the_hub_s_client(without_jobs):
    assert "image_api.auth.account" in without_jobs
    assert not {"image_api.auth.hub_tokens", "image_api.auth.hub_client"} & without_jobs


def test_jobs_in_sqlite_load_no_other_database_and_no_migrations():
    modules = loaded(PROGRAM.format(jobs=JOBS))
    assert "sqlalchemy.dialects.sqlite" in modules
    others = {"psycopg", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "alembic", "standardwebhooks"}
    assert not others & modules
