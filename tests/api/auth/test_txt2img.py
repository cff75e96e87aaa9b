"""txt2img and the loading of models with AUTH=huggingface, as Stable Diffusion's clients send their tokens."""

import pytest

from tests.api.auth.conftest import ANN, OPERATOR, ZOE, bearer
from tests.api.test_weights import LOADED, LORA

LOADS = {
    "/api/v1/models/load": ({"model_id": "sd-2-1"}, LOADED),
    "/v1/loras/load": ({"lora_path": "watercolor"}, LORA),
    "/v1/loras/unload": ({"lora_path": "watercolor"}, LORA),
}
MAKES = ["/v1/txt2img", "/api/v1/generate/txt2img"]


@pytest.mark.parametrize("path", MAKES)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [(ANN, 200), (OPERATOR, 200), ({}, 401), (bearer("hf_unknown_ann"), 401), (bearer("hf_oauth_ann"), 403)],
    ids=str,
)
def test_a_token_that_may_read_makes_pictures(client, keeps, path, headers, expected):
    keeps()
    answer = client.post(path, json={"prompt": "a"}, headers=headers)
    assert (answer.status_code, "success" in answer.json) == (expected, True)


@pytest.mark.parametrize("path", LOADS)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [(ZOE, 200), (OPERATOR, 200), (ANN, 403), (bearer("hf_unknown_zoe"), 401), ({}, 401)],
    ids=str,
)
def test_an_admin_account_loads(client, worker, path, headers, expected):
    body, said = LOADS[path]
    worker.say(200, said)
    answer = client.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json["success"]) == (expected, expected == 200)
    assert len(worker.asked_to_make()) == (expected == 200)


def test_the_quick_start_lists_models_without_a_token(client, worker):
    worker.say_to("/models", 200, {"models": []})
    assert client.get("/api/v1/models").status_code == 200
