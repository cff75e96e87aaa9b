"""What a job's pictures are made of: its options, and the image that it begins with."""

from collections.abc import Callable

from pydantic import ValidationError

from image_api.generation.options import GenerationOptions
from image_api.jobs.errors import JobUnreadable
from image_api.jobs.job import Job
from image_api.jobs.runner.leases import Leases
from image_api.native_thread import NativeThread
from image_api.sent_images import ImageMemory, Room, SentImage

OTHER_VERSION = "Another version of this service accepted this job, and this one does not understand its {}."
IMAGE_LOST = "The image that this job begins with is not there any more."


class JobImages:
    """The images that jobs begin with, in the memory that they share with those of requests. Thread-safe."""

    def __init__(self, leases: Leases, memory: ImageMemory) -> None:
        self._leases = leases
        self._memory = memory
        self._thread = NativeThread()  # where they are hashed

    def take(self, job: Job, gone: Callable[[], bool] = lambda: False) -> Room:
        """Return room for a job's image, which may give way once it is `gone`. Raises ServiceBusy if there is none."""
        return self._memory.take(self._leases.image_size(job), job.owner, gone)

    def read(self, job: Job, room: Room) -> SentImage:
        """Return a job's image, which its caller releases. Raises JobUnreadable if it is not there any more."""
        try:
            return self._thread.call(SentImage, self._data(job), room, self._memory)
        except BaseException:  # also if this greenlet is killed: room that is not given back is lost
            self._memory.give_back(room)
            raise

    def _data(self, job: Job) -> bytes:
        data = self._leases.image_of(job)
        if data is None:
            raise JobUnreadable(IMAGE_LOST)
        return data


def options_of(job: Job, image: SentImage | None) -> GenerationOptions:
    """Return a job's options. Raises JobUnreadable if this version does not know them."""
    try:
        return GenerationOptions.model_validate({**job.request, **({"image": image} if image else {})})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise JobUnreadable(OTHER_VERSION.format(".".join(map(str, first["loc"])))) from None
