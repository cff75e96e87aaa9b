"""What is done if the device has no memory for a picture: it is freed, and less is asked for once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from render_worker.contract import Size
from render_worker.engines.diffusers.errors import OutOfMemory
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest
from render_worker.engines.diffusers.models.allocation_failures import is_out_of_memory
from render_worker.sizes import SizeRange

SMALLER = "Smaller than asked for, as the device's memory has no room for {0}x{1}."
SMALLER_BY = 0.5  # of each side: there is one more try, which should not be in vain

Outcome = DiffusionPicture | Exception


@dataclass(frozen=True)
class Way:
    """How a batch is made."""

    size: Size
    frugal: bool = False
    """Whether the VAE works in tiles, and on one picture after another, however much memory there seems to be."""


Make = Callable[[Sequence[DiffusionRequest], Way], list[Outcome]]


def made_within_memory(
    make: Make,
    batch: Sequence[DiffusionRequest],
    within: SizeRange | None,
    free: Callable[[], None],
    would_fit: Callable[[Size], Size | None],
) -> list[Outcome]:
    """Return the batch's pictures: if there is no memory one after another, then in tiles, then smaller if allowed.

    `within` bounds the model's sizes, `free` gives memory back, `would_fit` estimates which size below one has room.
    """
    found = _tried(make, batch, Way(batch[0].size), free)
    if found is not None:
        return found
    if len(batch) > 1:
        return [made_within_memory(make, [request], within, free, would_fit)[0] for request in batch]
    return [_made_by_less(make, batch[0], within, free, would_fit)]


def _made_by_less(
    make: Make,
    request: DiffusionRequest,
    within: SizeRange | None,
    free: Callable[[], None],
    would_fit: Callable[[Size], Size | None],
) -> Outcome:
    """Return the picture of one request for which there was no memory."""
    if found := _tried(make, [request], Way(request.size, frugal=True), free):
        return found[0]
    smaller = would_fit(request.size) or _smaller(request.size, within)
    if smaller and request.smaller_allowed and (found := _tried(make, [request], Way(smaller, frugal=True), free)):
        return _with_note(found[0], SMALLER.format(*request.size))
    return _error(request.size, smaller)


def _tried(make: Make, batch: Sequence[DiffusionRequest], way: Way, free: Callable[[], None]) -> list[Outcome] | None:
    """Return what is made; None if there is no memory for it, which is freed then."""
    try:
        return make(batch, way)
    except Exception as error:  # the allocators of CPU and GPU raise different ones; all others go on
        if not is_out_of_memory(error):
            raise
        del error
    # Only now, as the error's traceback keeps what the pipeline held.
    free()
    return None


def _with_note(outcome: Outcome, note: str) -> Outcome:
    if not isinstance(outcome, DiffusionPicture):
        return outcome
    return replace(outcome, note=" ".join(filter(None, (note, outcome.note))))


def _smaller(size: Size, within: SizeRange | None) -> Size | None:
    """Return a size of half the sides; None if the model makes none so small."""
    if within is None:
        return None
    width, height = (int(side * SMALLER_BY) // within.step * within.step for side in size)
    return (width, height) if min(width, height) >= within.least else None


def _error(size: Size, smaller: Size | None) -> OutOfMemory:
    would_fit = f"; {smaller[0]}x{smaller[1]} may fit" if smaller else ""
    return OutOfMemory(f"The device has no memory for a picture of {size[0]}x{size[1]}{would_fit}.")
