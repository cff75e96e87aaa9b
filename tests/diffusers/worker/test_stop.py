"""The end of a worker that has PyTorch: everything is stopped and written, and gunicorn need not kill it."""

import json

import pytest

from tests.diffusers.worker.running_worker import RunningWorker


@pytest.mark.timeout(240)
def test_a_worker_ends_by_itself_with_its_lines_written(models, tmp_path):
    logs = tmp_path / "logs"
    with RunningWorker(tmp_path, DEFAULT_MODEL_ID="sd1", MODEL_CACHE_DIR=models, LOG_DIR=logs) as worker:
        made = worker.post("/generate", prompt="a fox", model="sd1", width=64, height=64, steps=2, seed=4)
        assert made.status_code == 200, made.text
        worker.stop()
        assert worker.process.returncode == 0
        assert "SIGKILL" not in worker.log()
    (line,) = (logs / "generations.jsonl").read_text().splitlines()
    assert json.loads(line)["seed"] == 4
