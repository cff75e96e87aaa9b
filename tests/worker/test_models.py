"""GET /models of the worker: what each model makes."""

import pytest

SCHNELL, SDXL, UNKNOWN = "black-forest-labs/flux-schnell", "stability-ai/sdxl:7762fd07", "acme/model"
ENGINES = {"engines": ("perchance", "replicate"), "replicate_models": (SCHNELL, SDXL, UNKNOWN)}
SHAPES = {"square": [1024, 1024], "landscape": [1248, 832], "portrait": [832, 1248]}
BOUNDS = {"min_side": 32, "max_side": 2048, "step": 32, "min_pixels": 524_288, "max_pixels": 2_097_152}


@pytest.fixture
def client(client_with):
    return client_with(**ENGINES)


def sizes(client) -> dict[str, dict]:
    return {it["name"]: it.get("sizes") for it in client.get("/models").json["models"]}


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"], ids=["told all", "stranger"])
def test_each_model_s_sizes_are_shown_to_all_clients(client_with, host):
    known = sizes(client_with(hosts=(host,), **ENGINES))
    assert known["perchance"]["shapes"] == {"square": [768, 768], "landscape": [768, 512], "portrait": [512, 768]}
    assert known[SCHNELL]["shapes"] == {"square": [1024, 1024], "landscape": [1216, 832], "portrait": [832, 1216]}
    assert [1344, 768] in known[SCHNELL]["native"]
    assert "bounds" not in known[SCHNELL]  # it makes no others
    assert known[SDXL]["shapes"] == SHAPES
    assert sorted(known[SDXL]["native"]) == sorted(SHAPES.values())
    assert known[SDXL]["bounds"] == BOUNDS


def test_an_engine_s_own_name_has_the_sizes_of_its_first_model(client):
    known = sizes(client)
    assert known["replicate"] == known[SCHNELL]


def test_sizes_that_are_not_known_are_left_out(client):
    assert sizes(client)[UNKNOWN] is None
