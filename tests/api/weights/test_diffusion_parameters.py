"""Steps, scheduler and LoRA: from each route to the engine that runs the model, and back."""

import io
import json

import pytest
from PIL import Image

from image_api.generation.results import recipe_key
from render_worker.contract import DIFFUSION_NAMES, Recipe
from tests.api.conftest import RESULT
from tests.fakes.processes import wait_until

WISH = {"steps": 7, "scheduler": "heun", "lora_path": "ink.safetensors", "lora_scale": 0.5}
MODEL = {"prompt": "a tree", "model": "sd-xl-base", "seed": 7}
OLDER = "is not a parameter here; known are prompt, negative_prompt, seed."


@pytest.fixture
def worker_of_models(served):
    return served()


@pytest.fixture
def before(client_with, worker_of_models):
    """Return a client of a service before it."""
    return client_with(perchance_worker_url=worker_of_models.url)


def told(answer) -> dict:
    return {name: answer.get(name) for name in WISH}


def asked_for(worker) -> list[dict]:
    return [{name: getattr(recipe, name) for name in WISH} for recipe in worker.keeper.recipes]


class TestRoutes:
    @pytest.mark.parametrize("method", ["query", "json", "form"])
    def test_they_reach_the_engine_and_come_back(self, before, worker_of_models, method):
        fields = {**MODEL, **WISH}
        answer = {
            "query": lambda: before.get("/generate", query_string=fields),
            "json": lambda: before.post("/generate", json=fields),
            "form": lambda: before.post(
                "/generate",
                data={name: str(value) for name, value in fields.items()},
                content_type="multipart/form-data",
            ),
        }[method]()
        assert answer.status_code == 200, answer.json
        assert asked_for(worker_of_models) == [WISH]
        assert told(answer.json) == WISH
        assert "ignored" not in answer.json

    def test_what_was_used_is_told_if_nothing_was_asked_for(self, before):
        answer = before.get("/generate", query_string=MODEL).json
        assert told(answer) == {"steps": 25, "scheduler": "euler", "lora_path": None, "lora_scale": None}

    def test_openai_s_route_has_them_as_extensions(self, before, worker_of_models):
        answer = before.post("/v1/images/generations", json={**MODEL, **WISH, "response_format": "url"})
        assert answer.status_code == 200, answer.json
        assert asked_for(worker_of_models) == [WISH]

    def test_a_sheet_has_them(self, before, worker_of_models):
        assert before.get("/sheet", query_string={**MODEL, **WISH}).status_code == 200
        assert asked_for(worker_of_models) == [WISH] * 4

    def test_a_job_has_them(self, before, worker_of_models):
        answer = before.post("/api/v1/generate", json={**MODEL, **WISH})
        assert answer.status_code == 202, answer.json
        address = f"/api/v1/jobs/{answer.json['job_id']}"
        wait_until(lambda: before.get(address).json["status"] == "completed", "the job is completed", 20)
        assert told(before.get(address).json["images"][0]) == WISH
        assert asked_for(worker_of_models) == [WISH]

    def test_progress_has_the_engine_s_steps(self, before):
        answer = before.get("/generate", query_string={**MODEL, "steps": 3}, headers={"Accept": "text/event-stream"})
        events = [
            json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data")
        ]
        steps = [(it["step"], it["total"]) for it in events if it.get("step")]
        assert steps[-1] == (3, 3)
        assert all(step <= total for step, total in steps)


class TestValues:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("steps", it) for it in (0, -1, 101, 2.5, "many", True)),
            *(("scheduler", it) for it in ("", " ", "a b", "../x", "é", "1euler", "e" * 61, "<b>")),
            *(("lora_path", it) for it in ("../x", "/etc/passwd", "a//b", "a/./b", "a/..", ".hidden", "a b", "a\\b")),
            *(("lora_scale", it) for it in (-0.1, 2.1, "nan", "inf", "x")),
        ],
    )
    def test_what_none_can_be_is_refused_by_name(self, client, worker, field, value):
        fields = {"lora_path": "ink.safetensors"} | {"prompt": "a", field: value}
        answers = [
            client.post(path, json=fields) for path in ("/generate", "/v1/images/generations", "/api/v1/generate")
        ]
        answers.append(client.get("/generate", query_string=fields))
        is_empty = isinstance(value, str) and not value.strip()
        for answer in answers:
            error = answer.json.get("error")
            sentence = error["message"] if isinstance(error, dict) else error
            assert answer.status_code == 400 or is_empty
            assert is_empty or sentence.startswith(f"{field} must be "), sentence
        assert is_empty or worker.asked_to_make() == []

    def test_a_weight_without_a_lora_is_refused(self, client):
        answer = client.get("/generate?prompt=a&lora_scale=1")
        assert answer.json["error"] == "lora_scale goes with lora_path only; leave it out, or name the LoRA."

    @pytest.mark.parametrize(
        ("name", "instead"),
        [
            ("num_inference_steps", "steps is its name, from 1 to 100"),
            ("sampling_steps", "steps is its name, from 1 to 100"),
            ("sampler", "scheduler is its name"),
            ("Sampler_Name", "scheduler is its name"),
            ("lora", "lora_path is its name"),
            ("lora_weight", "lora_scale is its name, from 0 to 2"),
        ],
    )
    def test_other_services_names_are_refused_with_ours(self, client, name, instead):
        answer = client.get("/generate", query_string={"prompt": "a", name: "20"})
        assert answer.json["error"] == f'"{name}" is not a parameter here; {instead}.'

    def test_left_out_they_are_not_sent(self, client, worker):
        client.get("/generate?prompt=a&steps=&scheduler=&lora_path=&lora_scale=")
        assert DIFFUSION_NAMES.isdisjoint(worker.asked_to_make()[0])


class TestOtherEngines:
    def test_a_named_model_that_has_none_refuses_it_by_name(self, client_with, served):
        client = client_with(perchance_worker_url=served("horde").url)
        answer = client.get("/generate", query_string={"prompt": "a", "model": "sketch", **WISH})
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
        assert answer.json["error"].startswith("lora_path and lora_scale and scheduler and steps cannot be honoured by")

    def test_under_auto_an_engine_that_honours_them_is_asked_first(self, client_with, served):
        worker = served("pollinations", "diffusers")
        client = client_with(perchance_worker_url=worker.url)
        answer = client.get("/generate", query_string={"prompt": "a", **WISH}).json
        assert (answer["engine"], told(answer)) == ("diffusers", WISH)


class TestOlderWorker:
    """One that does not know them refuses them by the first of their names."""

    def script(self, worker):
        refusal = {"success": False, "error": f'"steps" {OLDER}', "code": "invalid_parameter"}
        worker.say(400, refusal, before=lambda: worker.say(200, RESULT))

    def test_under_auto_the_picture_is_made_without_them(self, client, worker):
        self.script(worker)
        answer = client.get("/generate", query_string={"prompt": "a", **WISH}).json
        assert answer["ignored"] == sorted(WISH)
        first, second = worker.asked_to_make()
        assert {name: first[name] for name in WISH} == WISH
        assert DIFFUSION_NAMES.isdisjoint(second)

    def test_a_named_model_is_refused_by_their_names(self, client, worker):
        self.script(worker)
        answer = client.get("/generate", query_string={"prompt": "a", "model": "horde", "steps": 5})
        assert (answer.status_code, len(worker.asked_to_make())) == (400, 1)
        assert answer.json["error"].startswith("steps cannot be honoured by the render worker, which is of an older")

    def test_one_that_knows_neither_sizes_nor_steps(self, client, worker):
        refusals = [
            {"success": False, "error": f'"{it}" {OLDER}', "code": "invalid_parameter"} for it in ("width", "steps")
        ]
        worker.say(
            400, refusals[0], before=lambda: worker.say(400, refusals[1], before=lambda: worker.say(200, RESULT))
        )
        answer = client.get("/generate?prompt=a&width=512&height=512&steps=5").json
        assert answer["ignored"] == ["height", "steps", "width"]
        assert len(worker.asked_to_make()) == 3


class TestKeeping:
    @pytest.mark.parametrize(("name", "other"), [("steps", 8), ("scheduler", "ddim"), ("lora_scale", 0.6)])
    def test_another_value_is_another_picture(self, before, worker_of_models, name, other):
        query = {**MODEL, **WISH}
        first, again = (before.get("/generate", query_string=query).json for _ in range(2))
        assert (again["cached"], again["image_url"]) == (True, first["image_url"])
        assert before.get("/generate", query_string={**query, name: other}).json["cached"] is False
        assert len(worker_of_models.keeper.recipes) == 2

    def test_the_key_of_a_recipe_without_them_is_what_it_was(self):
        """A cache that two versions share keeps its entries."""
        assert DIFFUSION_NAMES.isdisjoint(Recipe(prompt="a tree").model_dump())
        keys = {
            recipe_key(Recipe(prompt="a tree", **{name: value})) for name, value in WISH.items() if name != "lora_scale"
        }
        assert len(keys | {recipe_key(Recipe(prompt="a tree"))}) == 4

    def test_a_lost_picture_is_made_again_with_them(self, before, worker_of_models, tmp_path):
        first = before.get("/generate", query_string={**MODEL, **WISH}).json
        path = first["image_url"][first["image_url"].index("/images/") :]
        (file,) = tmp_path.rglob(path.removeprefix("/images/"))
        file.unlink()
        assert before.get(path).status_code == 200
        assert asked_for(worker_of_models) == [WISH] * 2

    def test_the_file_and_its_page_tell_them(self, before, worker_of_models, tmp_path):
        answer = before.get("/generate", query_string={**MODEL, **WISH}).json
        name = answer["image_url"].rpartition("/")[2]
        data = before.get(f"/images/{name}").data
        texts = Image.open(io.BytesIO(data)).text
        assert {name: texts[name] for name in WISH} == {name: str(value) for name, value in WISH.items()}
        details = before.get(f"/p/{name}", headers={"Accept": "application/json"}).json
        assert told(details) == WISH
        page = before.get(f"/p/{name}", headers={"Accept": "text/html"}).text
        for shown in ("heun", "ink.safetensors", "0.5", "LoRA"):
            assert f">{shown}<" in page


class TestHostileWorker:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("steps", -1), ("steps", 10**9), ("scheduler", "<script>"), ("scheduler", "e" * 101), ("lora_path", "a b")],
    )
    def test_what_cannot_be_is_left_out(self, client, worker, name, value):
        worker.say(200, {**RESULT, name: value})
        assert name not in client.get("/generate?prompt=a").json
