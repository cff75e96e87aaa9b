"""/v1/models, requested by OpenAI's own client."""

import openai
import pytest

from tests.api.conftest import RESULT

MODELS = [
    {"name": "perchance", "engine": "perchance", "description": "Perchance.", "answers_auto": True, "state": "resting"},
    {"name": "a/painter", "engine": "sketch", "description": "A painter.", "answers_auto": False, "state": "ready"},
]
BOUNDS = {"min_side": 64, "max_side": 2048, "step": 8}
SIZES = {"shapes": {"square": [1024, 1024]}, "native": [[1024, 1024]], "bounds": BOUNDS}


def test_the_models_are_listed_with_auto(ai, worker):
    worker.say(200, {"models": MODELS})
    listed = ai.models.list()
    assert [(model.id, model.object, model.state) for model in listed] == [
        ("auto", "model", "resting"),
        ("perchance", "model", "resting"),
        ("a/painter", "model", "ready"),
    ]
    assert listed.object == "list"
    auto, perchance, painter = listed.data
    assert (perchance.engine, perchance.description) == ("perchance", "Perchance.")
    assert painter.engine == "sketch"
    assert auto.description == "Whichever can answer of: perchance."


def test_one_model_is_returned(ai, worker):
    worker.say(200, {"models": MODELS})
    assert ai.models.retrieve("a/painter").state == "ready"
    assert ai.models.retrieve("dall-e-3").id == "auto"
    with pytest.raises(openai.NotFoundError) as missing:
        ai.models.retrieve("who/knows")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert "auto, perchance, a/painter" in missing.value.body["message"]


def test_a_model_s_sizes_are_told(ai, worker):
    worker.say(200, {"models": [MODELS[0], {**MODELS[1], "sizes": SIZES}]})
    assert [getattr(model, "sizes", None) for model in ai.models.list()] == [None, None, SIZES]
    assert ai.models.retrieve("a/painter").sizes == SIZES
    assert not hasattr(ai.models.retrieve("perchance"), "sizes")


def test_auto_is_ready_if_any_of_its_engines_is(ai, worker):
    worker.say(200, {"models": [{**model, "answers_auto": True} for model in MODELS]})
    assert ai.models.retrieve("auto").state == "ready"


def test_simulation_marks_every_response(ai, worker):
    worker.say(200, {**RESULT, "simulated": True, "models": MODELS})
    assert ai.images.generate(prompt="a tree").simulated is True
    assert ai.models.list().simulated is True
    assert ai.models.retrieve("auto").simulated is True


@pytest.mark.parametrize("path", ["/v1/models/load", "/api/v1/models/load", "/models/load", "/openai/models/load"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_the_address_that_loads_models_is_no_model_s(client, worker, method, path):
    answer = client.open(path, method=method)
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"OPTIONS", "POST"})
    if method != "HEAD":
        assert (answer.json["code"], answer.json["error"]) == ("method_not_allowed", "This address takes POST alone.")
    assert worker.requests == []


@pytest.mark.parametrize("name", ["loader", "load/a", "a/load", "download", "Load"])
def test_a_model_may_have_a_name_like_it(client, worker, name):
    worker.say_to("/models", 200, {"models": [{**MODELS[1], "name": name}]})
    assert client.get(f"/v1/models/{name}").json["id"] == name
