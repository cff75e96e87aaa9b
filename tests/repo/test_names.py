"""What is listed in two places is the same in both."""

from typing import get_args

from render_worker.engines import ENGINES
from render_worker.settings import EngineName, StorageName
from render_worker.storages import STORAGES
from tests.worker.storages.test_storages_contract import KINDS

ONLY_NAMED = "sketch"


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
