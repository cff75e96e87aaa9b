"""Each stand-in's declaration fits the tiers, and what derives from it is up to date."""

from pathlib import Path

from image_api.settings import Settings as ApiSettings
from local.settings import Settings as LocalSettings
from local.settings import variables
from render_worker.engines import ENGINES, EngineRegistration
from render_worker.engines.loadable import LoadingEngine
from render_worker.engines.settings import EngineSettings
from render_worker.settings import VARIABLES
from sandbox import compose_env
from sandbox.registry import STAND_INS, environment
from sandbox.stand_in import Addresses, combined_scenario
from tests.fakes.storages import FAKED, REMOTE

ROOT = Path(__file__).resolve().parent.parent.parent
HOW_TO_RUN = {
    "PORT",
    "HOST",
    "STORAGE",
    "ENGINES",
    "GRACEFUL_TIMEOUT_SECONDS",
    "PERCHANCE_WORKER_URL",
    "WORKER_TOKEN",
} | {"ALLOWED_HOSTS"}


def asks_a_service(row: EngineRegistration) -> bool:
    """Return whether an engine asks a service, and does not make its pictures in the worker itself."""
    return row.settings is not EngineSettings and not issubclass(row.load(), LoadingEngine)


def test_every_service_has_its_stand_in():
    engines = {name for name, row in ENGINES.items() if asks_a_service(row)}
    missing = {*engines, *REMOTE} - {*FAKED} - {*STAND_INS}
    assert not missing, f"sandbox/registry.py needs {missing}, or a storage tests/fakes/<name>_server.py"
    for name, stand_in in STAND_INS.items():
        assert stand_in.name == name
        assert stand_in.blueprints


def test_every_stand_in_can_be_switched():
    endpoints = [endpoint for stand_in in STAND_INS.values() for endpoint in stand_in.faults]
    assert len(set(endpoints)) == len(endpoints)
    assert set(endpoints) <= set(combined_scenario(STAND_INS.values()).model_fields)
    for stand_in in STAND_INS.values():
        assert set(stand_in.faults) <= set(stand_in.scenario.model_fields)


def test_what_happens_by_chance_is_among_the_faults():
    for stand_in in STAND_INS.values():
        for faults in stand_in.faults.values():
            assert len(set(faults.words)) == len(faults.words)
            assert set(faults.by_chance) <= set(faults.words)


def test_every_variable_that_points_to_a_stand_in_is_a_tier_s():
    pointers = environment(Addresses("http://127.0.0.1:1", "http://127.0.0.1:2"))
    keys = {name for stand_in in STAND_INS.values() for name in stand_in.keys}
    assert {*pointers, *keys} <= VARIABLES | {name.upper() for name in ApiSettings.model_fields}


def test_compose_plays_the_same_sandbox_as_make_run():
    ours = variables(LocalSettings(port=8000), simulated=True).keys() - HOW_TO_RUN
    lines = (ROOT / "sandbox/compose.env").read_text().splitlines()
    composed = {line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    assert {name for name in ours if not name.startswith("SANDBOX_")} <= composed


def test_the_environment_of_compose_is_as_the_stand_ins_declare_it():
    assert compose_env.FILE.read_text() == compose_env.text(), "out of date; run: python -m sandbox.compose_env"
