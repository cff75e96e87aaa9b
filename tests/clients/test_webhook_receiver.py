"""docs/examples/webhook_receiver.py: it takes what the service signs, once, and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from tests.api.conftest import ScriptedWorker
from tests.clients.test_examples import FOLDER
from tests.end_to_end.test_webhooks import delivery, serving, submit
from tests.fakes.processes import free_port, wait_until
from tests.fakes.webhook_receiver import SECRET

PROGRAM = [sys.executable, str(FOLDER / "webhook_receiver.py")]
OTHER = "whsec_" + "b3RoZXI0" * 5


class Example:
    """The program, running."""

    def __init__(self, output: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                [*PROGRAM, str(self.port)],
                env={**os.environ, "WEBHOOK_SECRET": SECRET},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_up, "the example")

    def _is_up(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).status_code == 501
        except requests.ConnectionError:
            return False

    @property
    def output(self) -> str:
        return self._output.read_text()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def example(tmp_path) -> Iterator[Example]:
    running = Example(tmp_path / "output")
    yield running
    running.close()


def send(url: str, body: str, message_id: str = "msg_1", secret: str = SECRET, age: int = 0, **changes: str) -> int:
    """Send a webhook that was signed some seconds ago, and return the status of the response."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
        **{f"webhook-{name}": text for name, text in changes.items()},
    }
    return requests.post(url, data=body.encode(), headers=headers, timeout=10).status_code


def body_of(**job: object) -> str:
    return json.dumps({"type": "job.completed", "data": {"job_id": "1", "images": [], **job}})


def test_it_works_with_the_service_itself(example, tmp_path):
    worker = ScriptedWorker()
    with serving(worker, tmp_path, f"http://127.0.0.1:{example.port}") as server:
        job_id = submit(server, example.url, prompt="a boat for the example")
        wait_until(lambda: delivery(server, job_id).get("status") == "delivered", "the delivery")
        first, second = example.output.splitlines()
    worker.close()
    assert first.split() == ["job.completed", job_id]
    assert second.startswith(f"{server.url}/images/")


def test_it_takes_the_same_webhook_once(example):
    assert [send(example.url, body_of(job_id="1")) for _ in range(3)] == [204] * 3
    assert send(example.url, body_of(job_id="2"), "msg_2") == 204
    wait_until(lambda: example.output.endswith("2 \n"), "what is printed after the answer")
    assert example.output.split() == ["job.completed", "1", "job.completed", "2"]


def test_it_takes_any_of_several_signatures(example):
    at, body = datetime.now(UTC), body_of()
    signatures = " ".join(Webhook(secret).sign("msg_1", at, body) for secret in (OTHER, SECRET))
    assert send(example.url, body, signature=signatures) == 204


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": OTHER},
        {"age": 600},
        {"age": -600},
        {"signature": ""},
        {"signature": "v1,"},
        {"signature": "v1a,x v2,y nonsense"},
        {"signature": "v1,é"},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"timestamp": "9" * 400},
        {"id": "msg_9"},
    ],
)
def test_it_refuses_what_the_service_has_not_signed_now(example, changes):
    assert send(example.url, body_of(), **changes) == 400
    assert example.output == ""


@pytest.mark.parametrize("arguments", [[], ["9000", "more"]])
def test_it_says_how_it_is_started(arguments):
    ran = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stderr) == (1, "WEBHOOK_SECRET=whsec_… python webhook_receiver.py PORT\n")
