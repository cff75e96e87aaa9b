"""What must hold once a scene is over: each accepted job has one true answer, and nothing is left behind."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.chaos.clients import FINAL, Clients, Submitted
from tests.chaos.ends import Made
from tests.chaos.stage import Stage


def problems(stage: Stage, clients: Clients) -> list[str]:
    """Return what does not hold; empty if all does."""
    return [
        *clients.errors,
        *_of_jobs(clients),
        *_of_rows(stage, clients),
        *_of_pictures(stage, clients),
        *stage.tracebacks(),
    ]


def _of_jobs(clients: Clients) -> Iterator[str]:
    for job in clients.jobs:
        if len(job.accepted) != 1:
            yield f"one key, and the jobs {job.accepted or 'none'}"
        if not job.finals:
            yield f"job {job.accepted} is stuck"
        elif any(_lasting(it) != _lasting(job.finals[0]) for it in job.finals):
            yield f"two answers: {job.finals[0]} and {job.finals[-1]}"
        elif problem := _wrong(job, job.finals[0]):
            yield f"{problem}: {job.finals[0]}"


def _lasting(found: dict[str, Any]) -> dict[str, Any]:
    """Return what of a final job's answer must never change, without the host that the client named."""
    kept = {name: found.get(name) for name in ("job_id", "status", "failed", "code", "completed_at")}
    images = [{**it, "image_url": urlsplit(it["image_url"]).path} for it in found.get("images") or []]
    return {**kept, "images": images}


def _wrong(job: Submitted, found: dict[str, Any]) -> str | None:
    """Return what is wrong with a final answer, given what its render worker makes of the prompt."""
    if found["status"] == "canceled":
        return None if job.wants_cancel else "canceled without a client's wish"
    images, wanted = found.get("images") or [], job.body.get("n", 1)
    if "refused" in job.body["prompt"]:
        is_true = found["status"] == "failed" and found.get("code") == "content_refused" and not images
        return None if is_true else "no true reason"
    if found["status"] != "completed":
        return "failed for no true reason"
    if len({it["image_url"] for it in images}) != wanted:
        return f"{len(images)} pictures of {wanted}"
    return None


def _of_rows(stage: Stage, clients: Clients) -> Iterator[str]:
    rows = stage.rows("SELECT count(*) FROM jobs")[0][0]
    ids = {it for job in clients.jobs for it in job.accepted}
    if rows != len(ids):
        yield f"{rows} rows, and {len(ids)} accepted jobs"
    statuses = dict(stage.rows("SELECT status, count(*) FROM jobs GROUP BY status"))
    if not set(statuses) <= FINAL:
        yield f"rows that are not final: {statuses}"
    for what, query in {
        "queues": "SELECT * FROM queues",
        "images": "SELECT job_id FROM job_images",
        "leases": "SELECT id FROM jobs WHERE holder IS NOT NULL OR lease_until IS NOT NULL",
    }.items():
        if left := stage.rows(query):
            yield f"{len(left)} {what} are left: {left[:3]}"


def _of_pictures(stage: Stage, clients: Clients) -> Iterator[str]:
    """Yield the pictures that were made again, though the worker that had made them lived on."""
    several = _expected(clients)
    for what, pictures in _by_request(stage).items():
        for number, later in enumerate(pictures):
            known = sum(later.at < earlier.until for earlier in pictures[:number])
            if known >= several.get(what, 1):
                yield f"made again: {what}"


def _by_request(stage: Stage) -> dict[str, list[Made]]:
    found: dict[str, list[Made]] = {}
    for made in sorted((it for worker in stage.workers for it in worker.made()), key=lambda it: it.at):
        found.setdefault(made.what, []).append(made)
    return found


def _expected(clients: Clients) -> dict[str, int]:
    """Return how many pictures of each prompt are wanted."""
    return {job.body["prompt"]: job.body.get("n", 1) for job in clients.jobs}


def last_look(clients: Clients) -> None:
    """Ask for each job once more: its answer must be what it was."""
    with requests.Session() as session:
        for job in clients.accepted:
            clients.look_at(session, job)


def made_again(stage: Stage, clients: Clients) -> int:
    """Return how many pictures were made again after their worker was killed."""
    several = _expected(clients)
    return sum(max(0, len(pictures) - several.get(what, 1)) for what, pictures in _by_request(stage).items())
