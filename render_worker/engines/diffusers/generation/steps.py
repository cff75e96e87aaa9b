"""What the pipelines tell after each step."""

from collections.abc import Sequence
from typing import Any

from render_worker.engines.diffusers.generation.previews import Previews
from render_worker.engines.diffusers.generation.request import DiffusionRequest, Stopped


class StepReports:
    """Reports the steps of a batch: the function that a pipeline calls at the end of each.

    The number of all is the scheduler's: PNDM takes 21 for 20, Heun 39.
    """

    def __init__(self, batch: Sequence[DiffusionRequest], previews: Previews | None) -> None:
        """`previews` are those of the batch; None if there is no wish for any."""
        self._batch = batch
        self._previews = previews
        self.done = 0

    def __call__(self, pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Report a step. Raises Stopped if no picture of the batch is wanted any more."""
        self.done = index + 1
        total = max(pipe.num_timesteps, self.done)
        if all(request.stop.is_set() for request in self._batch):
            raise Stopped
        for request in self._batch:
            request.on_step(self.done, total)
        if self._previews and self.done < total:
            self._previews.show(pipe, tensors["latents"])
        return tensors
