"""Runners in this process, on a database of jobs and before a scripted render worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from image_api.jobs.job import Job
from image_api.jobs.runner.runner import Runner
from image_api.services import Services
from image_api.settings import Settings
from tests.api.conftest import ScriptedWorker
from tests.api.jobs.processes import Process
from tests.fakes.processes import wait_until


class Running(Process):
    """A process with a runner."""

    def __init__(self, url: str, worker: ScriptedWorker, **settings: object) -> None:
        super().__init__(url)
        given = {"perchance_worker_url": worker.url, "retry_backoff_base": 1, "worker_wake_seconds": 0, **settings}
        self.settings = Settings(**given)
        self.services = Services.build(self.settings)
        self.changes: list[object] = []
        self.ends = threading.Semaphore(0)
        self.runner = Runner(
            self.database,
            self.services.generation,
            self.services.image_memory,
            self.settings,
            changed=self.changes.append,
            on_final=lambda _: self.ends.release(),
        )

    def run(self, owner: str = "one", image: bytes | None = None, **request: object) -> Job:
        """Submit a job, and return it when it is final."""
        return self.final(self.submit(owner, image, **request))

    def submit(self, owner: str = "one", image: bytes | None = None, **request: object) -> Job:
        """Submit a job, and wake the runner."""
        job = super().submit(owner, image, **request)
        self.runner.wake()
        return job

    def final(self, job: Job) -> Job:
        """Return a job when it is final."""
        return self.when(job, lambda it: it.is_final)

    def when(self, job: Job, condition: Callable[[Job], object]) -> Job:
        """Return a job when it meets a condition."""
        found: list[Job] = []

        def is_met() -> object:
            found[:] = [self.runner.with_progress(self.store.get(job.id))]
            return condition(found[0])

        wait_until(is_met, f"the job's state, which is {found}", 20)
        return found[0]

    def end(self) -> None:
        """End it as the process would."""
        self.runner.leave()
        self.services.generation.stop()
        self.runner.give_back()
        self.services.close()


@contextmanager
def running(url: str, worker: ScriptedWorker, **settings: object) -> Iterator[Running]:
    """Run a process with its runner."""
    here = Running(url, worker, **settings)
    here.runner.start()
    yield here
    here.end()
    wait_until(lambda: not here.runner.running, "the attempts' ends", 10)


def ids_at(worker: ScriptedWorker) -> list[str]:
    """Return the ids of the requests for pictures."""
    return [it["request_id"] for it in worker.asked_to_make()]
