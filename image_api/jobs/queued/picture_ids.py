"""The request ids of a job's pictures: the same over all attempts, so that no picture is made twice."""

import re
from dataclasses import dataclass
from uuid import UUID

from image_api.jobs.job import Job

PATTERN = re.compile(r"([0-9a-f]{32})-([0-9])")


@dataclass(frozen=True)
class PictureId:
    """A picture of a job, by its place from 0 on."""

    job_id: UUID
    index: int

    def __str__(self) -> str:
        return f"{self.job_id.hex}-{self.index}"

    @classmethod
    def parse(cls, request_id: str) -> "PictureId | None":
        """Return the picture that is made under a request's id; None if that is no job's."""
        found = PATTERN.fullmatch(request_id)
        return cls(UUID(found[1]), int(found[2])) if found else None


def missing_of(job: Job) -> list[str]:
    """Return the request ids of the pictures that a job lacks."""
    return [str(PictureId(job.id, index)) for index in job.missing]


def all_of(job_id: UUID, pictures: int) -> list[str]:
    """Return the request ids of a job of so many pictures."""
    return [str(PictureId(job_id, index)) for index in range(pictures)]
