"""The engine as the worker asks it: its state, its models, and what is refused."""

import asyncio
import json
import logging
import threading

import pytest

from render_worker.contract import LoadModelRequest
from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.errors import EngineNotConfigured, InvalidParameter
from tests.diffusers import tiny
from tests.diffusers.engine.running_engine import SECONDS, Reported, RunningEngine, request_of, source

HUB = "stabilityai/stable-diffusion-xl-base-1.0"


def test_the_default_model_is_loaded_before_the_first_request(start_engine):
    running = start_engine(default_model_id="sd2")
    assert running.engine.health().state == "starting"
    reported = Reported()
    assert running.made(reported, model="diffusers", seed=1).model == "sd2"
    assert running.engine.weights_of("sd2")["loaded"] is True
    assert running.engine.health().state == "ready"
    assert running.engine.health().details["device"] == "cpu"


def test_a_default_model_that_cannot_be_loaded_leaves_the_others(start_engine, models, tmp_path):
    for name in ("good", "broken"):
        tiny.make("sd1", tmp_path / "own" / name)
    for file in (tmp_path / "own" / "broken" / "unet").glob("*.safetensors"):
        file.write_bytes(b"nothing")
    running = start_engine(default_model_id="broken", model_cache_dir=tmp_path / "own")
    with pytest.raises(ModelUnusable, match="broken"):
        running.made(model="broken", seed=1)
    running.run(asyncio.wait_for(running.engine._first_load, SECONDS))
    found = running.engine.health()
    assert (found.state, "model broken" in found.reason) == ("down", True)
    assert running.made(model="good", seed=1).model == "good"
    found = running.engine.health()
    assert (found.state, "model broken" in found.reason) == ("ready", True)


def test_a_pytorch_that_cannot_start_is_told_and_tried_again(make_settings, monkeypatch):
    running, tries = None, []

    def broken(*_):
        tries.append(1)
        raise OSError("libcudart.so.13: cannot open shared object file")

    with monkeypatch.context() as patched:
        patched.setattr("render_worker.engines.diffusers.engine.prepare", broken)
        running = RunningEngine(make_settings())
        with pytest.raises(OSError, match="libcudart"):
            running.made(seed=1)
        running.run(asyncio.wait_for(running.engine._first_load, SECONDS))
        found = running.engine.health()
        assert (found.state, "libcudart" in found.reason) == ("down", True)
    assert running.made(seed=1).model == "sd1"
    assert (running.engine.health().state, running.engine.health().reason) == ("ready", None)
    running.close()


def test_a_default_model_that_there_is_not_is_a_setting_to_mend(make_settings):
    from render_worker.engines.diffusers.engine import DiffusersEngine

    engine = DiffusersEngine(make_settings(default_model_id="nothing"))
    with pytest.raises(EngineNotConfigured, match="DEFAULT_MODEL_ID"):
        engine.check()
    assert engine.capabilities_of("diffusers").steps


def test_it_says_what_its_models_weigh_and_whether_they_are_there(running):
    running.made(seed=1)
    found = running.engine.weights_of("sd1")
    assert found["loaded"] is True
    assert found["loading"] is False
    assert found["size_bytes"] > 1_000_000
    assert found["memory_mib"] >= 1
    absent = running.engine.weights_of("sd-xl-base")
    assert (absent["loaded"], absent["size_bytes"], absent["memory_mib"]) == (False, None, None)
    assert running.engine.weights_of("nothing") == {}


def test_models_are_loaded_on_request(start_engine):
    running = start_engine()
    running.made(seed=1)
    loaded = running.run(running.engine.load_model(LoadModelRequest(model="sdxl")))
    assert (loaded.model, loaded.loaded, loaded.unloaded) == ("sdxl", True, [])
    assert loaded.seconds > 0
    assert loaded.size_bytes == running.engine.weights_of("sdxl")["size_bytes"]
    again = running.run(running.engine.load_model(LoadModelRequest(model="sdxl")))
    assert (again.loaded, again.seconds) == (True, 0)
    with pytest.raises(InvalidParameter, match="model must be one of"):
        running.run(running.engine.load_model(LoadModelRequest(model="nothing")))


def test_a_load_that_takes_longer_than_is_waited_for_goes_on(start_engine):
    running = start_engine()
    running.made(seed=1)
    loaded = running.run(running.engine.load_model(LoadModelRequest(model="sd3", timeout_seconds=0.001)))
    assert (loaded.model, loaded.loaded) == ("sd3", False)
    assert running.made(model="sd3", seed=1).model == "sd3"


def test_a_model_that_waits_to_be_loaded_holds_up_no_other(start_engine):
    running = start_engine()
    running.made(seed=1)
    reported = Reported()
    future = running.runtime.submit(running.making(reported, model="flux", seed=1))
    assert running.made(seed=1).model == "sd1"
    assert future.result(100).model == "flux"
    assert any(message and "Loading the model flux" in message for message in reported.messages)


def test_a_line_is_logged_of_each_picture_and_each_failure(start_engine, tmp_path, caplog):
    running = start_engine(log_dir=tmp_path / "logs")
    with caplog.at_level(logging.INFO, "render_worker.generations"):
        made = running.made(seed=5, request_id="one")
        with pytest.raises(InvalidParameter):
            running.made(lora_path="nothing.safetensors", request_id="two")
    running.close()
    lines = [json.loads(line) for line in (tmp_path / "logs" / "generations.jsonl").read_text().splitlines()]
    assert [json.loads(it.message) for it in caplog.records if it.name == "render_worker.generations"] == lines
    (line,) = [it for it in lines if it["request_id"] == "one"]
    assert (line["outcome"], line["seed"], line["model_id"], line["steps"]) == ("made", 5, "sd1", made.steps)
    assert (line["vram_peak_mb"], line["safety_filter_result"]) == (None, "not_checked")
    assert line["latency_ms"] >= line["run_ms"] > 0
    assert "prompt" not in line


def test_each_request_has_one_line_also_if_no_model_runs(start_engine, tmp_path):
    running = start_engine(log_dir=tmp_path / "logs")
    refused = ({"lora_path": "none"}, {"scheduler": "nope"}, {"model": "nothing"})
    for recipe in refused:
        with pytest.raises(InvalidParameter):
            running.made(seed=5, **recipe)
    running.made(seed=5, image=source(), strength=0.01)
    running.close()
    lines = [json.loads(line) for line in (tmp_path / "logs" / "generations.jsonl").read_text().splitlines()]
    assert [(line["outcome"], line["steps"]) for line in lines] == [("invalid_parameter", 4)] * 3 + [("made", 0)]
    assert (lines[0]["lora_path"], lines[1]["scheduler"], lines[2]["model_id"]) == ("none", "nope", "nothing")
    assert lines[-1]["image_to_image"] is True


def test_the_settings_say_whether_the_line_has_the_prompt(start_engine, tmp_path):
    running = start_engine(log_dir=tmp_path / "logs", log_prompts=True)
    running.made(seed=5, prompt="a lighthouse")
    running.close()
    assert json.loads((tmp_path / "logs" / "generations.jsonl").read_text())["prompt"] == "a lighthouse"


def test_it_may_be_asked_by_the_hubs_names_too(running):
    assert HUB in running.engine.models
    assert running.engine.capabilities_of(HUB) == running.engine.capabilities_of("sd-xl-base")


@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_a_shape_alone_gives_the_models_own_size(running, layout):
    made = running.made(model=layout, seed=1, width=None, height=None, shape="landscape")
    assert made.made is None
    plan = running.engine.plan(request_of(model=layout, width=None, height=None, shape="landscape"))
    assert plan.final_size(plan.made)[0] > plan.final_size(plan.made)[1]


def test_a_download_that_never_ends_holds_up_no_model_on_disk(start_engine, monkeypatch):
    running = start_engine(diffusers_models="someone/large")
    running.made(seed=1)
    begun = threading.Event()
    monkeypatch.setattr(running.backend.cache._downloads, "start", lambda *_, **__: begun.set())
    waits = running.runtime.submit(running.making(model="someone/large", seed=1))
    assert begun.wait(SECONDS)
    assert [running.made(model=name, seed=1).model for name in ("sd2", "sdxl", "sd1")] == ["sd2", "sdxl", "sd1"]
    assert not waits.done()
    waits.cancel()
    assert running.made(model="flux", seed=1).model == "flux"
