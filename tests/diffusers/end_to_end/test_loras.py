"""LoRAs through both tiers: listed, loaded, used by a request, refused by a sentence, and unloaded."""

import pytest
import requests

from tests.diffusers.end_to_end.tiers import OPERATOR, post, refused

FIELDS = {"prompt": "a boat", "model_id": "sd1", "num_inference_steps": 4, "scheduler": "euler", "seed": 7}


def loras(front: str) -> dict[str, dict]:
    answer = requests.get(f"{front}/v1/loras/list", timeout=9)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    return {it["lora_path"]: it for it in answer.json()["loras"]}


def named(front: str, start: str) -> str:
    """Return the name of the LoRA that begins so."""
    return next(name for name in loras(front) if name.startswith(start))


def picture(front: str, **fields: object) -> str:
    answer = post(front, "/v1/txt2img", **{**FIELDS, **fields})
    assert answer.status_code == 200, answer.text
    assert {"lora_path", "lora_scale"} & fields.keys() <= answer.json().keys()
    return answer.json()["image"]


def test_they_are_listed_with_what_is_wrong_with_them(front):
    found = loras(front)
    assert len(found) == 3
    assert found[named(front, "sd1")].get("problem") is None
    assert found[named(front, "sd1")]["size_bytes"] > 0
    assert found[named(front, "broken")]["problem"]


def test_a_request_s_lora_changes_its_picture_and_no_other(front):
    plain = picture(front, seed=8)
    changed = picture(front, seed=8, lora_path=named(front, "sd1"), lora_scale=1.5)
    weaker = picture(front, seed=8, lora_path=named(front, "sd1"), lora_scale=0.5)
    assert len({plain, changed, weaker}) == 3
    again = post(front, "/generate", prompt="a boat", model="sd1", steps=4, scheduler="euler", seed=8, cache=False)
    before = post(front, "/v1/txt2img", **{**FIELDS, "seed": 8}).json()["pictures"][0]
    assert again.json()["sha256"] == before["sha256"]


@pytest.mark.parametrize("path", ["/v1/txt2img", "/v1/loras/load"])
def test_one_of_another_model_is_refused_by_a_sentence(front, path):
    fields = {"lora_path": named(front, "sdxl"), "model_id": "sd1"}
    own = {**FIELDS, **fields} if path == "/v1/txt2img" else fields
    status, code, sentence = refused(post(front, path, OPERATOR, **own))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith("lora_path "), sentence


def test_a_broken_one_is_refused_by_a_sentence(front):
    status, code, sentence = refused(post(front, "/v1/txt2img", **FIELDS, lora_path=named(front, "broken")))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith("lora_path "), sentence


@pytest.mark.parametrize("base", ["", "/api"])
def test_one_is_loaded_with_a_model_and_unloaded_from_all(front, base):
    name = named(front, "sdxl")
    loaded = post(front, f"{base}/v1/loras/load", OPERATOR, lora_path=name, model_id="sdxl").json()
    assert (loaded["loaded"], loaded["model_id"]) == (True, "sdxl")
    assert (loras(front)[name]["loaded"], "sdxl" in loras(front)[name]["fits"]) == (True, True)
    unloaded = post(front, f"{base}/v1/loras/unload", OPERATOR, lora_path=name).json()
    assert (unloaded["loaded"], "model_id" in unloaded) == (False, False)
    assert loras(front)[name]["loaded"] is False
