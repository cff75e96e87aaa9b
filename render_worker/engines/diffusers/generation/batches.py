"""Requests that wait for the generation thread, and which of them are made together."""

from collections.abc import Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest


@dataclass(frozen=True)
class BatchLimits:
    """Which requests may be made together."""

    pictures: int
    """At a time; 1 means that each is made alone."""
    pixels: int
    """Of the largest picture that is made in a batch."""
    window_seconds: float = 0.02
    """For how long a batch waits for more, if there are more requests."""

    def key(self, request: DiffusionRequest) -> Hashable | None:
        """Return what requests have in common that are made together; None if this one is made alone.

        A picture of a batch differs in some pixels by 1 of 255 from one alone: a named seed promises the same bytes.
        """
        width, height = request.size
        if self.pictures == 1 or request.seed_named or width * height > self.pixels:
            return None
        return (
            request.model,
            request.lora,
            request.size,
            request.steps,
            request.scheduler,
            request.guidance_scale,
            request.negative_prompt is None,  # SDXL takes none for zeros, and an empty one for a text
            request.image is None,
            request.strength,
        )


@dataclass(eq=False)
class Waiting:
    """A request that waits, and the future of its picture."""

    request: DiffusionRequest
    key: Hashable | None
    future: Future[DiffusionPicture] = field(default_factory=Future)

    @property
    def is_wanted(self) -> bool:
        """Return whether its client still waits for it."""
        return not self.request.stop.is_set() and not self.future.cancelled()


class WaitingRequests:
    """Those that wait, in the order in which they came. It belongs to whatever holds the generation thread's lock."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    def add(self, waiting: Waiting) -> None:
        """Have a request wait, as the last one."""
        self._waiting.append(waiting)

    def drop_unwanted(self) -> None:
        """Forget those whose clients are gone."""
        for waiting in self._waiting:
            if not waiting.is_wanted:
                waiting.future.cancel()
        self._waiting = [waiting for waiting in self._waiting if waiting.is_wanted]

    def like(self, first: Waiting, most: int) -> list[Waiting]:
        """Return a request and those that can be made together with it, `most` in all."""
        if first.key is None:
            return [first]
        others = [it for it in self._waiting if it.key == first.key and it is not first]
        return [first, *others][:most]

    def take(self, batch: list[Waiting]) -> list[Waiting]:
        """Return those of a batch that are still wanted; none of it waits any more."""
        self._waiting = [it for it in self._waiting if it not in batch]
        return [it for it in batch if it.is_wanted and it.future.set_running_or_notify_cancel()]

    def of_model(self, name: str) -> list[Waiting]:
        """Return those for a model."""
        return [it for it in self._waiting if it.request.model == name]
