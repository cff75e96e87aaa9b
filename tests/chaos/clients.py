"""Clients of the jobs' routes, that repeat what failed as good clients do, and remember what they were told."""

import base64
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.fakes.image_service import png

CLIENTS = 8
PATIENCE_SECONDS = 120.0
TIMEOUT_SECONDS = 15.0
FINAL = {"completed", "failed", "canceled"}


@dataclass
class Submitted:
    """One request for a job, and all that the service has said of it."""

    body: dict[str, Any]
    client: str | None
    """Its address, as a proxy tells it; None on the machine itself."""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: set[str] = field(default_factory=set)
    """The ids that it was answered with."""
    wants_cancel: bool = False
    finals: list[dict[str, Any]] = field(default_factory=list)
    """Each answer in which the job was final."""

    @property
    def id(self) -> str:
        """Return the job's id."""
        return next(iter(self.accepted))

    @property
    def headers(self) -> dict[str, str]:
        """Return what its requests say of the client."""
        return {"X-Forwarded-For": self.client} if self.client else {}


class Clients:
    """Some clients that submit at once, each a thread with its own connection."""

    def __init__(self, addresses: Callable[[], list[str]], jobs: int, chance: random.Random, *, of_stub: bool) -> None:
        """Have `jobs` submitted to the API tiers at `addresses`, in turn; a stub knows no other model than auto."""
        self.jobs = [_request(number, chance, of_stub) for number in range(jobs)]
        self.errors: list[str] = []
        self._addresses = addresses
        self._chance = chance
        self._left = iter(self.jobs)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._submit_all, daemon=True) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Begin to submit."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every job is accepted. Raises AssertionError if a client was told something wrong, or too late."""
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a client is still not answered"
        assert not self.errors, self.errors[:3]

    @property
    def accepted(self) -> list[Submitted]:
        """Return those that were answered with 202."""
        return [job for job in self.jobs if job.accepted]

    def _submit_all(self) -> None:
        with requests.Session() as session:
            while job := self._next():
                self._submit(session, job)
                if self._chance.random() < 0.1:  # its answer might have been lost, for all that the client knows
                    self._submit(session, job)
                if job.wants_cancel:
                    self.send(session, "DELETE", f"/api/v1/jobs/{job.id}", job, {200, 202, 204, 409})

    def _next(self) -> Submitted | None:
        with self._lock:
            return next(self._left, None)

    def _submit(self, session: requests.Session, job: Submitted) -> None:
        answer = self.send(session, "POST", "/api/v1/generate", job, {202, 200}, json=job.body)
        if answer is not None:
            job.accepted.add(answer.json()["job_id"])

    def send(
        self, session: requests.Session, method: str, path: str, job: Submitted, good: set[int], **more: Any
    ) -> requests.Response | None:
        """Return the answer, once it is a good one: 503, a lost connection and silence are met by a repetition."""
        headers = {**job.headers, "Idempotency-Key": job.key} if method == "POST" else job.headers
        end = time.monotonic() + PATIENCE_SECONDS
        attempt = 0
        while time.monotonic() < end:
            addresses = self._addresses()
            address = addresses[attempt % len(addresses)] if attempt else self._chance.choice(addresses)
            attempt += 1
            try:
                answer = session.request(
                    method, address + path, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more
                )
            except requests.RequestException:
                time.sleep(0.2)
                continue
            if answer.status_code in good:
                return answer
            if answer.status_code != 503:
                self.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
                return None
            time.sleep(min(1.0, float(answer.headers.get("Retry-After", 1))))
        self.errors.append(f"{method} {path}: not answered within {PATIENCE_SECONDS:g} seconds")
        return None

    def look(self) -> int:
        """Ask for the status of every accepted job that was not seen final yet; return how many are not."""
        with requests.Session() as session:
            for job in [it for it in self.accepted if not it.finals]:
                self.look_at(session, job)
        return sum(not job.finals for job in self.jobs)

    def look_at(self, session: requests.Session, job: Submitted) -> None:
        """Ask for the status of a job, and remember it if it is final."""
        answer = self.send(session, "GET", f"/api/v1/status/{job.id}", job, {200})
        if answer is not None and (found := answer.json())["status"] in FINAL:
            job.finals.append(found)


def _request(number: int, chance: random.Random, of_stub: bool) -> Submitted:
    """Return a job of the usual kind, or now and then one of several pictures, with an image, or that fails."""
    word = chance.choices(("plain", "flaky", "refused"), (88, 6, 6))[0]
    body: dict[str, Any] = {"prompt": f"{word} picture {number} {uuid.uuid4().hex}"}
    if not of_stub:  # small pictures: what is tried is not how they are encoded
        body |= {"width": 256, "height": 256, "model": chance.choice(("auto", "auto", "openai"))}
    kind = chance.choices(("one", "several", "image"), (80, 10, 10))[0]
    if kind == "several":
        body["n"] = chance.randint(2, 3)
    if kind == "image":
        body["image"] = f"data:image/png;base64,{base64.b64encode(png(64, 64)).decode()}"
    clients = (None, "198.51.100.7", "198.51.100.8", "203.0.113.9")
    return Submitted(body, chance.choice(clients), wants_cancel=chance.random() < 0.05)
