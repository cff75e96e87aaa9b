"""A stand-in is a declaration and a row: what else concerns it derives from them."""

import pytest
from flask import Blueprint

from sandbox.app import create_app
from sandbox.registry import STAND_INS, environment
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import memory, state

ADDRESSES = Addresses("http://127.0.0.1:8002", "http://127.0.0.1:8003")
SITE = {"base_url": ADDRESSES.site}


class ToyScenario(Scenario):
    toy: str = "ok"
    toy_colour: str = "red"


@pytest.fixture
def resets():
    return []


@pytest.fixture
def client(monkeypatch, resets):
    blueprint = Blueprint("toy", __name__)

    @blueprint.get("/toy")
    def toy():
        with state().logged("toy") as entry:
            entry.played = state().draw("toy")
            return f"{entry.played} {state().fields(ToyScenario).toy_colour}"

    declared = StandIn(
        name="toy",
        scenario=ToyScenario,
        faults={"toy": Faults(("broken",), by_chance=("broken",))},
        blueprints=(blueprint,),
        environment=lambda addresses: {"TOY_URL": f"{addresses.site}/toy"},
        reset=lambda: resets.append("toy"),
    )
    monkeypatch.setitem(STAND_INS, "toy", declared)
    return create_app().test_client()


def test_it_is_served_with_its_own_fields(client):
    assert client.post("/sandbox", json={"toy": "broken", "toy_colour": "blue", "times": 1}, **SITE).status_code == 200
    assert [client.get("/toy", **SITE).text for _ in range(2)] == ["broken blue", "ok blue"]
    assert [(entry["endpoint"], entry["played"]) for entry in client.get("/sandbox/log", **SITE).json] == [
        ("toy", "broken"),
        ("toy", "ok"),
    ]


def test_its_faults_happen_by_chance(client):
    client.post("/sandbox", json={"faults": 1}, **SITE)
    assert client.get("/toy", **SITE).text == "broken red"


def test_it_is_reset_with_all(client, resets):
    client.post("/sandbox", json={"toy": "broken"}, **SITE)
    assert client.post("/sandbox/reset", **SITE).json["toy"] == "ok"
    assert resets == ["toy"]
    assert client.get("/sandbox/log", **SITE).json == []


def test_the_tiers_are_pointed_to_it(client):
    assert environment(ADDRESSES)["TOY_URL"] == "http://127.0.0.1:8002/toy"


def test_a_field_that_no_stand_in_declares_is_refused_by_name(client):
    refused = client.post("/sandbox", json={"another": "word"}, **SITE)
    assert refused.status_code == 400
    assert refused.json["error"].startswith("The scenario has no field another; it has times, painted, delay, ")


def test_classes_of_one_name_in_two_stand_ins_share_no_memory():
    first, second = (type("_Kept", (dict,), {"__module__": f"sandbox.{name}"}) for name in ("toy", "game"))
    with create_app().app_context():
        assert memory(first) is memory(first)
        assert memory(first) is not memory(second)
