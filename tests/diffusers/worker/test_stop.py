"""The end of a worker that has PyTorch: everything is stopped and written, and gunicorn need not kill it."""

import json

import pytest

from tests.diffusers.worker.running_worker import RunningWorker


@pytest.mark.timeout(240)
def test_a_worker_ends_by_itself_with_its_lines_written(models, tmp_path):
    worker = RunningWorker(
        tmp_path,
        ENGINES="diffusers",
        DEFAULT_MODEL_ID="sd1",
        MODEL_CACHE_DIR=models,
        LOG_DIR=tmp_path / "logs",
        TORCH_THREADS=1,
        HF_HUB_OFFLINE=1,
    )
    worker.wait_until_ready("diffusers")
    made = worker.post("/generate", prompt="a fox", model="sd1", width=64, height=64, steps=2, seed=4)
    assert made.status_code == 200, made.text
    assert worker.stop() == 0
    assert "SIGKILL" not in (tmp_path / "log").read_text()
    (line,) = (tmp_path / "logs" / "generations.jsonl").read_text().splitlines()
    assert json.loads(line)["seed"] == 4
