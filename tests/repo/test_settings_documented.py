"""The tables in docs/ are what the settings and the engines say."""

import re
from pathlib import Path

import pytest

from image_api.settings import Settings as ApiSettings
from local.docs import TABLE, TABLES, declared_by, pages, parts, written
from local.error_table import HAPPENED, TO_DO
from render_worker.engines import ENGINES
from render_worker.settings import Settings as WorkerSettings
from render_worker.storages import STORAGES
from tests.repo.test_links import anchor

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = (ROOT / ".env.example").read_text()
OF_COMPOSE = {
    *("API_PORT", "CELERY_WORKERS", "COMPOSE_PROFILES", "COMPOSE_WORKERS", "GPU_ENGINES"),
    *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "TORCH_INDEX_URL"),
}


def variables(settings: type) -> list[str]:
    """Return the names of a tier's environment variables."""
    return sorted(name.upper() for name in settings.model_fields)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_s_tables_are_as_the_code_has_them(page):
    assert page.read_text() == written(page.read_text()), "make docs (python -m local.docs) writes them"


def test_every_table_is_on_one_page():
    assert sorted(found[2] for page in pages() for found in TABLE.finditer(page.read_text())) == sorted(TABLES)


@pytest.mark.parametrize(("table", "settings"), [("api-settings", ApiSettings), ("worker-settings", WorkerSettings)])
def test_the_tables_have_every_setting_once(table, settings):
    lines = TABLES[table]().splitlines()
    assert sorted(line.split("`")[1] for line in lines if line.startswith("| `")) == variables(settings)


def test_every_endpoint_leads_to_its_own_section():
    text = (ROOT / "API_REFERENCE.md").read_text()
    headings = {anchor(heading): heading for heading in re.findall("^#+ (.+)$", text, re.MULTILINE)}
    of_several = {"event-stream-and-websocket", "link-previews-and-crawlers", "edits-and-variations"}
    for path, name in re.findall(r"\[`[A-Z]+ (/\w*)\S*`\]\(#(\S+)\)", TABLES["endpoints"]()):
        assert name in {*of_several, "models-and-errors"} or path in headings[name], path


def test_every_error_says_what_to_do():
    rows = [line.split(" | ") for line in TABLES["error-codes"]().splitlines()[2:]]
    assert [row[0] for row in rows if not (row[2].strip() and row[3].strip(" |"))] == []
    assert {*HAPPENED, *TO_DO} <= {row[0].strip("|` ") for row in rows}


def test_every_engine_s_and_storage_s_settings_are_the_worker_s_and_in_a_section_of_their_own():
    for row in (*ENGINES.values(), *STORAGES.values()):
        assert issubclass(WorkerSettings, row.settings)
    sections = [part.title for part in parts() if declared_by(part)]
    assert len(sections) == len(set(sections))


def test_every_engine_has_its_row():
    for name in ENGINES:
        assert f"`{name}`" in TABLES["engines"]()


def test_every_storage_has_its_row():
    for name in STORAGES:
        assert f"`{name}`" in TABLES["storages"]()


def test_the_example_names_nothing_else():
    known = {name.upper() for kind in (ApiSettings, WorkerSettings) for name in kind.model_fields} | OF_COMPOSE
    named = {
        line.lstrip("# ").split("=")[0] for line in EXAMPLE.splitlines() if "=" in line and " " not in line.strip("# ")
    }
    assert "WORKER_TOKEN" in named
    assert named <= known
