"""Admission control of jobs: how many may be pending, of one client while others have some, and bytes of images."""

from dataclasses import dataclass

from image_api.jobs.errors import TooManyJobs
from image_api.jobs.store.queue_numbers import QueueNumbers

MAX_IMAGE_BYTES = 1024 * 1024 * 1024  # of all images that wait
FULL = "As many jobs are pending as this service keeps."
RESERVED = "The last room for jobs is left to clients with few pending."
RESERVED_PART = 10  # one part of so many is left to owners with few …
FEW_PART = 1000  # … that is one part of so many at most
SHARE_USED = "This client has half of the jobs that may be pending, and other clients need the rest."
IMAGES_FULL = "As many images wait with their jobs as this service keeps."


@dataclass(frozen=True)
class PendingLimits:
    """How much may wait."""

    max_pending: int
    max_image_bytes: int = MAX_IMAGE_BYTES

    def check(self, numbers: QueueNumbers, owner: str, image_bytes: int) -> None:
        """Raise TooManyJobs if there is no room for one more of the owner's.

        Others count with half of what there is at most: what a client got while it was alone keeps none of them out.
        Of many that fill the rest, those with few pending find some room.
        """
        half = max(self.max_pending // 2, 1)
        own, sums = numbers.of(owner), numbers.sums(half)
        others = sums.pending - min(own.pending, half)
        if own.pending + others >= self.max_pending:
            raise TooManyJobs(FULL)
        reserved = self.max_pending // RESERVED_PART
        if others and own.pending >= self._few and own.pending + others >= self.max_pending - reserved:
            raise TooManyJobs(RESERVED)
        if others and own.pending >= half:
            raise TooManyJobs(SHARE_USED)
        if image_bytes and sums.image_bytes + image_bytes > self.max_image_bytes:
            raise TooManyJobs(IMAGES_FULL)

    @property
    def _few(self) -> int:
        """Return how many pending jobs are few, for one owner."""
        return max(self.max_pending // FEW_PART, 1)
