"""What is listed in two places is the same in both."""

from pathlib import Path
from typing import get_args

from local.__main__ import _settings_of_all
from local.settings import Settings as LocalSettings
from render_worker.engines import ENGINES
from render_worker.settings import EngineName, StorageName
from render_worker.storages import STORAGES
from sandbox.switchboard import FAULTS, Endpoint, Scenario
from tests.fakes.storages import KINDS

ROOT = Path(__file__).resolve().parent.parent.parent
ONLY_NAMED = "sketch"
HOW_TO_RUN = {
    "PORT",
    "HOST",
    "STORAGE",
    "ENGINES",
    "GRACEFUL_TIMEOUT_SECONDS",
    "PERCHANCE_WORKER_URL",
    "WORKER_TOKEN",
} | {"ALLOWED_HOSTS"}


def test_every_engine_that_can_be_enabled_has_its_row():
    assert {*get_args(EngineName), ONLY_NAMED} == set(ENGINES)
    for name, engine in ENGINES.items():
        assert engine.name == name
        assert engine.description
        assert engine.usual_seconds > 0


def test_every_storage_that_can_be_named_has_its_row_and_is_tested():
    assert set(get_args(StorageName)) == set(STORAGES) == set(KINDS)
    for name, storage in STORAGES.items():
        assert storage.name == name
        assert storage.title


def test_every_stand_in_can_be_switched():
    assert set(get_args(Endpoint)) == set(FAULTS)
    assert set(FAULTS) <= set(Scenario.model_fields)


def test_compose_plays_the_same_sandbox_as_make_run():
    ours = _settings_of_all(LocalSettings(port=8000), simulated=True).keys() - HOW_TO_RUN
    lines = (ROOT / "sandbox/compose.env").read_text().splitlines()
    composed = {line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    assert {name for name in ours if not name.startswith("SANDBOX_")} <= composed
