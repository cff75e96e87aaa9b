"""Models and LoRAs that render workers keep, as this tier has them loaded and shows them."""

import asyncio
import threading
from functools import partial

import pytest

from image_api.dispatch.queued.celery_workers import CeleryWorkers
from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import ApiError
from image_api.services import services_of
from image_api.settings import Settings
from render_worker.contract import LoadModelRequest, LoraRequest
from render_worker.errors import EngineError, InvalidParameter
from tests.api.test_health import WORKER_HEALTH
from tests.fakes.keeping_engine import KeepingEngine
from tests.fakes.processes import free_port, wait_until

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
INK = LoraRequest(lora_path="ink.safetensors")
REQUESTS = [
    lambda workers: workers.weights.load_model(LoadModelRequest(model="sd-1-5")),
    lambda workers: workers.weights.loras(),
    lambda workers: workers.weights.load_lora(INK),
    lambda workers: workers.weights.unload_lora(INK),
]
EACH_REQUEST = pytest.mark.parametrize("request_", REQUESTS, ids=["load model", "loras", "load lora", "unload lora"])


@pytest.fixture
def workers_of(client_with):
    """Return what an API tier before these render workers knows them as."""

    def make(*workers, **settings):
        urls = ",".join(it if isinstance(it, str) else it.url for it in workers)
        client = client_with(perchance_worker_url=urls, worker_wake_seconds=1, **settings)
        return services_of(client.application).worker

    return make


def load(workers, model="sd-1-5", seconds=20.0):
    return workers.weights.load_model(LoadModelRequest(model=model, timeout_seconds=seconds))


def refusal(do) -> tuple[int, str, str]:
    with pytest.raises(ApiError) as caught:
        do()
    body = caught.value.body()
    return caught.value.status, body.code, body.error


def fail(monkeypatch, worker, error):
    async def load_model(request):
        raise error

    monkeypatch.setattr(worker.keeper, "load_model", load_model)


class TestOne:
    def test_it_works(self, workers_of, served):
        worker = served()
        workers = workers_of(worker)
        loaded = load(workers)
        assert (loaded.model, loaded.loaded, loaded.size_bytes, loaded.unloaded) == ("sd-1-5", True, 4_000_000_000, [])
        assert load(workers, "sd-xl-base").unloaded == ["sd-1-5"]
        assert worker.keeper.loaded == ["sd-xl-base"]

    def test_the_list_of_models_shows_it_at_once(self, workers_of, served):
        workers = workers_of(served())
        for model in ("sd-1-5", "sd-xl-base", "sd-1-5"):
            load(workers, model)
            assert [it.name for it in workers.models().models if it.loaded and it.name != "diffusers"] == [model]

    def test_one_that_is_not_done_in_time_goes_on(self, workers_of, served):
        worker = served()
        worker.keeper.load_seconds = 0.5
        assert load(workers_of(worker), seconds=0.05).loaded is False
        wait_until(lambda: worker.keeper.loaded == ["sd-1-5"], "it is loaded", 10)

    def test_a_model_that_is_not_there_is_refused_by_name(self, workers_of, served):
        workers = workers_of(served())
        status, code, sentence = refusal(lambda: load(workers, "sd-9"))
        assert (status, code) == (400, "invalid_parameter")
        assert sentence.startswith("model must be one of ")

    def test_loras_are_listed_loaded_and_unloaded(self, workers_of, served):
        workers = workers_of(served())
        assert next((it.lora_path, it.loaded) for it in workers.weights.loras().loras) == ("ink.safetensors", False)
        assert workers.weights.load_lora(INK).model_dump() == {
            "success": True,
            "lora_path": "ink.safetensors",
            "loaded": True,
            "model": "sd-xl-base",
        }
        assert workers.weights.loras().loras[0].loaded is True
        assert workers.weights.unload_lora(INK).loaded is False
        assert workers.weights.loras().loras[0].loaded is False

    def test_a_lora_that_does_not_fit_is_refused_with_what_it_has(self, workers_of, served):
        workers = workers_of(served())
        request = LoraRequest(lora_path="ink.safetensors", model="sd-1-5")
        assert refusal(lambda: workers.weights.load_lora(request))[2].endswith("wants 64 there, the LoRA has 32.")

    @EACH_REQUEST
    def test_without_such_an_engine_it_is_not_configured(self, workers_of, served, request_):
        workers = workers_of(served("horde"))
        assert refusal(lambda: request_(workers))[:2] == (503, "engine_not_configured")

    @EACH_REQUEST
    def test_a_worker_of_an_older_version_has_none(self, workers_of, worker, request_):
        worker.say(404, {"success": False, "error": "Not found.", "code": "not_found"})
        status, code, sentence = refusal(lambda: request_(workers_of(worker)))
        assert (status, code) == (503, "engine_not_configured")
        assert "older version" in sentence

    @EACH_REQUEST
    def test_one_that_is_out_of_reach_is_said_to_be(self, workers_of, request_):
        workers = workers_of(f"http://127.0.0.1:{free_port()}")
        assert refusal(lambda: request_(workers))[:2] == (503, "worker_unavailable")

    @EACH_REQUEST
    def test_the_worker_gets_the_token(self, workers_of, served, request_):
        worker = served(worker_token=TOKEN)
        assert request_(workers_of(worker, worker_token=TOKEN))
        status, code, _ = refusal(lambda: request_(workers_of(worker, worker_token="another")))
        assert (status, code) == (503, "worker_unavailable")

    def test_a_worker_that_restarts_meanwhile_is_asked_again(self, workers_of, worker):
        stopping = {"success": False, "error": "Stopping.", "code": "worker_unavailable"}
        done = {"success": True, "model": "sd-1-5", "loaded": True, "seconds": 1.0}
        worker.say_to("/health", 200, WORKER_HEALTH)
        worker.say_to("/models/load", 503, stopping, before=lambda: worker.say_to("/models/load", 200, done))
        assert load(workers_of(worker)).loaded is True

    @pytest.mark.parametrize("path", ["/models", "/v1/models"])
    def test_clients_see_what_is_loaded_and_the_operator_its_memory(self, client_with, served, path):
        worker = served(worker_token=TOKEN)
        worker.keeper.loaded = ["sd-1-5"]
        client = client_with(perchance_worker_url=worker.url, worker_token=TOKEN)
        for headers, memory in (({}, None), (OPERATOR, 4_000_000_000 // 1024**2)):
            page = client.get(path, headers=headers).json
            found = next(
                it for it in page.get("models", page.get("data")) if "sd-1-5" in (it.get("name"), it.get("id"))
            )
            assert (found["loaded"], found["loading"], found["size_bytes"]) == (True, False, 4_000_000_000)
            assert found.get("memory_mib") == memory
        single = client.get("/v1/models/sd-1-5").json
        assert (single["loaded"], single.get("memory_mib")) == (True, None)

    @pytest.mark.parametrize("path", ["/models", "/v1/models"])
    def test_a_model_of_a_service_is_neither_loaded_nor_not(self, client_with, served, path):
        page = client_with(perchance_worker_url=served("horde").url).get(path).json
        assert all("loaded" not in it and "size_bytes" not in it for it in page.get("models", page.get("data")))


class TestSeveral:
    def test_each_that_keeps_models_loads_it(self, workers_of, served):
        one, without, other = served(), served("horde"), served()
        assert load(workers_of(one, without, other)).loaded is True
        assert [it.keeper.loaded for it in (one, other)] == [["sd-1-5"], ["sd-1-5"]]

    def test_they_load_it_side_by_side(self, workers_of, served, monkeypatch):
        together = threading.Barrier(2, timeout=20)

        async def loaded(keeper, name):
            await asyncio.to_thread(together.wait)
            await KeepingEngine._loaded(keeper, name)

        workers = [served(), served()]
        for worker in workers:
            monkeypatch.setattr(worker.keeper, "_loaded", partial(loaded, worker.keeper))
        assert load(workers_of(*workers)).loaded is True

    def test_it_is_loaded_if_it_is_with_all_of_them(self, workers_of, served):
        one, slow = served(), served()
        slow.keeper.load_seconds = 60
        assert load(workers_of(one, slow), seconds=0.2).loaded is False

    def test_those_that_do_not_know_the_model_are_left_out(self, workers_of, served, monkeypatch):
        one, other = served(), served()
        fail(monkeypatch, other, InvalidParameter("model must be one of sd-9."))
        assert load(workers_of(one, other)).loaded is True

    def test_a_failure_of_one_is_told(self, workers_of, served, monkeypatch):
        one, other = served(), served()
        fail(monkeypatch, other, EngineError("Its disk is broken."))
        workers = workers_of(one, other)
        assert refusal(lambda: load(workers)) == (502, "engine_failed", "Its disk is broken.")

    def test_one_that_is_lost_is_left_out(self, workers_of, served):
        workers = workers_of(served(), f"http://127.0.0.1:{free_port()}")
        assert load(workers).loaded is True
        assert load(workers, "sd-xl-base").loaded is True

    @EACH_REQUEST
    def test_if_all_are_lost_it_is_said(self, workers_of, request_):
        workers = workers_of(*(f"http://127.0.0.1:{free_port()}" for _ in range(2)))
        for _ in range(2):
            assert refusal(lambda: request_(workers))[:2] == (503, "worker_unavailable")

    @EACH_REQUEST
    def test_without_such_an_engine_it_is_not_configured(self, workers_of, served, request_):
        workers = workers_of(served("horde"), served("horde"))
        assert refusal(lambda: request_(workers))[:2] == (503, "engine_not_configured")
        workers.models()
        assert refusal(lambda: request_(workers))[:2] == (503, "engine_not_configured")

    def test_their_loras_are_one_list(self, workers_of, served):
        one, other = served(), served()
        workers = workers_of(one, other)
        other.keeper.kept_loras["ink.safetensors"] = "sd-xl-base"
        assert [(it.lora_path, it.loaded) for it in workers.weights.loras().loras] == [
            ("deep/pixel.safetensors", False),
            ("ink.safetensors", True),
        ]
        assert workers.weights.unload_lora(INK).loaded is False
        assert other.keeper.kept_loras == {}


class TestCelery:
    def test_the_render_workers_are_asked(self, served):
        workers = celery_workers(served().url)
        assert load(workers).loaded is True
        assert workers.weights.loras().loras
        assert workers.weights.load_lora(INK).loaded is True
        assert workers.weights.unload_lora(INK).loaded is False

    @EACH_REQUEST
    def test_without_one_it_is_not_configured(self, request_):
        status, code, sentence = refusal(lambda: request_(celery_workers(None)))
        assert (status, code) == (503, "engine_not_configured")
        assert "Celery workers load a model with its first picture" in sentence


def celery_workers(url):
    """Return Celery workers before a render worker, if there is one; their queue is not asked about weights."""
    return CeleryWorkers(None, None, WorkerClient(Settings(perchance_worker_url=url)))
