"""Both tiers for the tests of jobs, and a client that submits and watches them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.end_to_end.conftest import TOKEN, Stack, worker_settings
from tests.end_to_end.rendering import rendering
from tests.fakes.processes import Server, api, sandbox, wait_until
from tests.fakes.watching import Watching

API = "/api/v1"


def start(url: str, **fields: object) -> dict:
    """Submit a job, and return it; the first one waits until the service has loaded what jobs need."""
    replies: list[requests.Response] = []

    def answered() -> bool:
        replies.append(requests.post(f"{url}{API}/generate", json={"prompt": "a boat", **fields}, timeout=60))
        return replies[-1].status_code != 503

    wait_until(answered, "the database of jobs")
    assert replies[-1].status_code == 202, replies[-1].text
    return replies[-1].json()


def events_of(url: str, job: dict, **headers: str) -> Watching:
    """Return a client that watches a job at an address."""
    return Watching(
        f"{url}{API}/jobs/{job['job_id']}/events", {name.replace("_", "-"): it for name, it in headers.items()}
    )


def api_of(stack: Stack, database: str, **settings: object) -> Server:
    """Return an API tier before the stack's render worker, with a database of jobs, that is not started."""
    return api(**{**stack.rendering.of_api, "WORKER_TOKEN": TOKEN, "DATABASE_URL": database, **settings})


@contextmanager
def job_rendering(folder: Path, dispatch: str, **settings: object) -> Iterator[Stack]:
    """Run the sandbox and what makes pictures, without a browser, and no API tier yet."""
    own = {"ENGINES": "horde", "QUEUE_SIZE": 20, **settings}
    with sandbox() as site, rendering(dispatch, **worker_settings(site, folder, **own)) as made_by:
        yield Stack(site, made_by.worker, None, made_by)


@contextmanager
def job_tiers(folder: Path, dispatch: str) -> Iterator[Stack]:
    """Run both tiers and the sandbox, without a browser; two jobs are run at a time."""
    limits = {"MAX_CONCURRENCY": 2} if dispatch == "celery" else {}
    with job_rendering(folder, dispatch, **limits) as stack:
        stack.api = api_of(stack, f"sqlite:///{folder}/jobs.db", JOB_CONCURRENCY=2, MAX_STREAMS_PER_CLIENT=10)
        with stack.api:
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
            yield stack


def reset(stack: Stack) -> None:
    """Have the sandbox play no scenario."""
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()
