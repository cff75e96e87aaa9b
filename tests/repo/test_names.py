"""What is listed in two places is the same in both."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from render_worker.engines import AUTO_ENGINES, ENGINES
from render_worker.engines._skeleton.engine import SkeletonEngine
from render_worker.settings import Settings, load
from render_worker.storages import STORAGES
from tests.fakes.storages import KINDS

ROOT = Path(__file__).resolve().parent.parent.parent
ONLY_NAMED = "sketch"
ENABLED = ("perchance", "horde")  # by the blueprint, Compose and `make run`: a paragraph may speak of both
WITHOUT_LISTS = ("README.md", "API_REFERENCE.md", "CONTRIBUTING.md", "DEPLOYMENT_GUIDE.md", ".env.example")


def test_every_engine_that_can_be_enabled_has_its_row():
    assert {*AUTO_ENGINES, ONLY_NAMED} == set(ENGINES)
    assert Settings(engines=",".join(AUTO_ENGINES)).engines == AUTO_ENGINES
    for name, row in ENGINES.items():
        engine = row.load()
        assert engine.name == name
        assert engine.description
        assert engine.needs
        assert engine.typical_seconds > 0


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_s_descriptions_are_its_own_and_not_the_skeleton_s(name):
    """Clients see `description` at GET /models."""
    engine = ENGINES[name].load()
    assert engine.description != SkeletonEngine.description, f"{name}'s description is the skeleton's"
    assert engine.__doc__ != SkeletonEngine.__doc__, f"the docstring of {name}'s class is the skeleton's"
    for module in ("__init__", "engine"):
        ours, copied = (import_module(f"render_worker.engines.{it}.{module}").__doc__ for it in (name, "_skeleton"))
        assert ours != copied, f"the docstring of {name}/{module}.py is the skeleton's"


def test_an_unknown_engine_is_refused_by_a_sentence_that_lists_the_known(monkeypatch):
    for unknown in (ONLY_NAMED, "dall-e", "horde:local"):
        monkeypatch.setenv("ENGINES", f"perchance,{unknown}")
        with pytest.raises(SystemExit, match=f"ENGINES cannot be used: {unknown} is no engine") as caught:
            load()
        assert str(caught.value).count(", ".join(AUTO_ENGINES)) == 1


@pytest.mark.parametrize("name", ["ENGINES", "STORAGE"])
def test_what_may_be_a_key_in_a_wrong_place_is_not_repeated(monkeypatch, name):
    monkeypatch.setenv(name, "sk-proj-AbCdEf0123456789")
    with pytest.raises(SystemExit, match=f"{name} cannot be used: one of its entries is no") as caught:
        load()
    assert "AbC" not in str(caught.value)


def test_reading_the_settings_imports_no_engine_and_no_browser():
    script = "import sys, render_worker.settings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert not imported & {"playwright", "httpx", "PIL", "obstore"}
    assert not imported & {"render_worker.engines.base", "render_worker.storages.base"}
    assert not [name for name in imported if name.startswith("render_worker.engines.") and name.endswith(".engine")]


def test_every_storage_that_can_be_named_has_its_row_and_is_tested():
    assert set(STORAGES) == set(KINDS)
    assert Settings(storage=",".join(STORAGES)).storage == tuple(STORAGES)
    for name, row in STORAGES.items():
        storage = row.load()
        assert storage.name == name
        assert storage.title
        assert storage.description
        assert storage.cost
        assert storage.needs
        assert storage.addresses


def test_an_unknown_storage_is_refused_by_a_sentence_that_lists_the_known(monkeypatch):
    monkeypatch.setenv("STORAGE", "s3,dropbox")
    with pytest.raises(SystemExit, match="STORAGE cannot be used: dropbox is no storage") as caught:
        load()
    assert str(caught.value).count(", ".join(STORAGES)) == 1


@pytest.mark.parametrize("heading", ["Add an engine", "Add a storage"])
def test_what_is_added_touches_at_most_seven_files(heading):
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    files = re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
    assert 0 < len(files) <= 7
    for file in files:
        assert list(ROOT.glob(file.replace("<name>", "*")))


@pytest.mark.parametrize("document", WITHOUT_LISTS)
def test_engines_are_listed_in_their_own_document_alone(document):
    text = (ROOT / document).read_text().lower().replace("hugging face", "huggingface")
    text = text.replace("private,cloudflare", "private")  # of TRUSTED_PROXIES: Cloudflare's addresses, and no engine
    for paragraph in text.split("\n\n"):
        named = [name for name in AUTO_ENGINES if re.search(rf"\b{name}\b", paragraph)]
        assert len(named) <= len(ENABLED), paragraph


def test_every_engine_beside_perchance_has_its_row_in_set_one_up():
    page = (ROOT / "docs/engines.md").read_text()
    rows = page.split("## Set one up\n")[1].split("\n## ")[0]
    assert [name for name in AUTO_ENGINES if name != "perchance" and f"| `{name}` |" not in rows] == []
