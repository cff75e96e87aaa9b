"""The JSON line of each generation, without PyTorch: its words, its file, and a disk that cannot be written."""

import json
import time

import pytest

from render_worker.contract import GenerateRequest
from render_worker.engines.diffusers.errors import OutOfMemory
from render_worker.engines.diffusers.generation import generation_log
from render_worker.engines.diffusers.generation.generation_log import FILE_NAME, GenerationLog
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest, LoraUse
from render_worker.errors import InvalidParameter

RECIPE = GenerateRequest(prompt="a secret fox", request_id="abc")
REQUEST = DiffusionRequest(
    model="sd-xl-base",
    prompt=RECIPE.prompt,
    negative_prompt=None,
    size=(768, 512),
    steps=20,
    guidance_scale=7.0,
    scheduler=None,
    seed=5,
    seed_named=False,
    lora=LoraUse("styles/ink", 0.5),
)


def picture(nsfw: bool | None) -> DiffusionPicture:
    return DiffusionPicture(b"", (512, 512), 5, "pndm", 21, nsfw, 8123, 2.5, 4)


def lines_of(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / FILE_NAME).read_text().splitlines()]


@pytest.mark.parametrize(("nsfw", "words"), [(True, "flagged"), (False, "passed"), (None, "not_checked")])
def test_a_picture_s_line_says_how_it_was_made(tmp_path, nsfw, words):
    log = GenerationLog(tmp_path, prompts=False)
    with log.line_of(RECIPE, time.monotonic() - 3) as line:
        line.request = REQUEST
        line.picture = picture(nsfw)
    log.close()
    (found,) = lines_of(tmp_path)
    assert found["latency_ms"] >= 3000
    expected = {
        "outcome": "made",
        "request_id": "abc",
        "model_id": "sd-xl-base",
        "seed": 5,
        "steps": 21,
        "scheduler": "pndm",
        "width": 512,
        "lora_path": "styles/ink",
        "run_ms": 2500,
        "batch": 4,
        "vram_peak_mb": 8123,
        "safety_filter_result": words,
    }
    assert {name: found[name] for name in expected} == expected
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("error", "outcome"), [(OutOfMemory("No memory."), "out_of_memory"), (ValueError("a bug"), "internal_error")]
)
def test_a_failure_has_its_line_too(tmp_path, error, outcome):
    log = GenerationLog(tmp_path, prompts=True)

    def fail():
        with log.line_of(RECIPE, time.monotonic()) as line:
            line.request = REQUEST
            raise error

    with pytest.raises(type(error)):
        fail()
    log.close()
    (found,) = lines_of(tmp_path)
    assert (found["outcome"], found["steps"], found["prompt"]) == (outcome, 20, "a secret fox")


def test_what_is_refused_has_its_line_as_it_was_sent(tmp_path):
    log = GenerationLog(tmp_path, prompts=False)
    recipe = RECIPE.model_copy(update={"lora_path": "none", "steps": 7, "scheduler": "nope", "model": "mine"})
    with pytest.raises(InvalidParameter), log.line_of(recipe, time.monotonic()):
        raise InvalidParameter("scheduler must be another one.")
    log.close()
    (found,) = lines_of(tmp_path)
    expected = {
        "outcome": "invalid_parameter",
        "request_id": "abc",
        "model_id": "mine",
        "seed": None,
        "lora_path": "none",
        "steps": 7,
        "scheduler": "nope",
        "image_to_image": False,
        "run_ms": None,
    }
    assert {name: found[name] for name in expected} == expected


def test_a_picture_of_no_step_has_its_line(tmp_path):
    log = GenerationLog(tmp_path, prompts=False)
    with log.line_of(RECIPE, time.monotonic()) as line:
        line.request, line.steps = REQUEST, 0
    log.close()
    (found,) = lines_of(tmp_path)
    assert (found["outcome"], found["steps"], found["width"], found["run_ms"]) == ("made", 0, 768, None)


def test_a_folder_that_cannot_be_written_harms_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    log = GenerationLog(tmp_path / "file" / "logs", prompts=False)
    with log.line_of(RECIPE, time.monotonic()) as line:
        line.picture = picture(None)
    log.close()
    assert "LOG_DIR cannot be written" in caplog.text


def test_a_full_disk_harms_nothing(tmp_path, caplog):
    (tmp_path / FILE_NAME).symlink_to("/dev/full")
    log = GenerationLog(tmp_path, prompts=False)
    for _ in range(2):
        with log.line_of(RECIPE, time.monotonic()) as line:
            line.picture = picture(None)
    log.close()
    assert "No space left" in caplog.text


def test_a_file_that_has_become_large_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(generation_log, "MAX_BYTES", 1000)
    log = GenerationLog(tmp_path, prompts=False)
    for _ in range(20):
        with log.line_of(RECIPE, time.monotonic()):
            pass
    log.close()
    assert 2 <= len([*tmp_path.iterdir()]) <= generation_log.OLD_FILES + 1
