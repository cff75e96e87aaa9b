"""What the jobs' service needs of a runner, so that a queue can take the place of this process."""

from typing import Protocol
from uuid import UUID

from image_api.jobs.job import Job


class JobRunner(Protocol):
    """Makes the pictures of pending jobs, and keeps what came of them. Thread-safe."""

    @property
    def running(self) -> int:
        """Return how many jobs run, as far as this process knows."""

    def start(self) -> None:
        """Begin, in the background."""

    def wake(self) -> None:
        """Look for jobs at once: one was submitted."""

    def with_progress(self, job: Job) -> Job:
        """Return a job with the newest progress that this process knows."""

    def expected_seconds(self, job: Job, position: int | None) -> int | None:
        """Return in how many seconds a job should be completed; None if that is not known. It asks no database."""

    def cancelled(self, job_id: UUID) -> None:
        """End what is made for a job, which was cancelled. Returns at once."""

    def drain(self) -> None:
        """Begin no more jobs. Returns at once."""

    def wait(self) -> None:
        """Wait until no job is in flight here, up to the end of the grace period that `drain` began."""

    def leave(self) -> None:
        """Stop waiting for jobs in flight: what becomes of them is no failure of theirs. Returns at once."""

    def give_back(self) -> None:
        """Give the jobs back that are still in flight here; it takes few seconds at most."""
