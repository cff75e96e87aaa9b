"""Jobs with webhooks over a database, and a sender of them, for receivers on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from pydantic import SecretStr

from image_api.database_url import engine_url
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import metadata
from image_api.jobs.delivery import Delivery
from image_api.jobs.job import Job, NewJob
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.store import JobStore
from image_api.jobs.webhooks import client, sender
from image_api.jobs.webhooks.client import WebhookClient
from image_api.jobs.webhooks.deliveries import Deliveries
from image_api.jobs.webhooks.message import Signer, body_of
from image_api.jobs.webhooks.sender import PAUSES, WebhookSender
from tests.fakes.processes import wait_until
from tests.fakes.webhook_receiver import (
    SECRET,
)


class Service:
    """Jobs with webhooks over one database, without a runner: the test ends its jobs."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = JobStore(self.database, 20_000)
        self.deliveries = Deliveries(self.database)
        self._senders: list[WebhookSender] = []

    def submit(self, webhook_url: str | None, prompt: str = "a boat") -> Job:
        return self.store.submit(NewJob("me", {"prompt": prompt}, "http://api.example", webhook_url=webhook_url))[0]

    def end(self, job: Job, status: str = "completed") -> bool:
        """End a job as its runner would."""
        ended = self.database.write(lambda transaction: end_job(transaction, job, status=status))
        for each in self._senders:
            each.wake()
        return ended

    def sender(
        self, *origins: str, verify: str | None = None, secrets: tuple[str, ...] = (SECRET,), simulated: bool = False
    ) -> WebhookSender:
        """Start a sender that may send to these origins."""
        making = WebhookClient(origins)
        making._session.verify = verify or True
        made = WebhookSender(
            self.deliveries, making, Signer(list(secrets)), partial(body_of, api_prefix="/api/v1", simulated=simulated)
        )
        made.start()
        self._senders.append(made)
        return made

    def sent(self, job: Job) -> Delivery:
        """Return a job's delivery, once it is not pending any more."""
        wait_until(lambda: self.delivery(job).status != "pending", "the end of a delivery")
        return self.delivery(job)

    def delivery(self, job: Job) -> Delivery:
        (found,) = self.deliveries.of_job(job.id)
        return found

    def close(self) -> None:
        for each in self._senders:
            each.stop()
        self.database.close(5)


@contextmanager
def running(url: str) -> Iterator[Service]:
    made = Service(url)
    made.database.write(lambda transaction: metadata.create_all(transaction.connection))
    yield made
    made.close()


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    with running(f"sqlite:///{tmp_path}/jobs.db") as made:
        yield made


@pytest.fixture
def either(database_url) -> Iterator[Service]:
    """Yield a service over each kind of database in turn."""
    with running(engine_url(SecretStr(database_url))) as made:
        yield made


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    """Have a day's pauses pass within a second."""
    monkeypatch.setattr(sender, "PAUSES", (0.05,) * len(PAUSES))
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1.0)


def statuses(delivery: Delivery) -> list[int | None]:
    return [attempt.status_code for attempt in delivery.attempts]
