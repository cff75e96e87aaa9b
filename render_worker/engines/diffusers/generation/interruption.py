"""Ends the work of pictures that are not wanted any more, inside a step and inside the VAE.

A step of a large model on a CPU takes 13 seconds, and so does its VAE: a look between two steps would be too late.
diffusers' own interruption returns the unfinished picture as if it were good.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from render_worker.engines.diffusers.generation.request import Stopped


@contextmanager
def interruptible(pipe: Any, layers: Iterable[Any], stops: Sequence[threading.Event]) -> Iterator[None]:
    """Raise Stopped within this, as soon as the next of these layers would run, once every one of `stops` is set."""
    with ExitStack() as hooks:
        hook = _hook(stops)
        for module in layers:
            hooks.callback(module.register_forward_pre_hook(hook).remove)
        try:
            yield
        finally:
            pipe.maybe_free_model_hooks()  # an exception passes by the pipeline's own call


def _hook(stops: Sequence[threading.Event]) -> Any:
    """Return the hook; it is called thousands of times for a picture."""
    (is_set, *others) = [stop.is_set for stop in stops]

    def hook(module: Any, inputs: Any) -> None:
        if is_set() and all(it() for it in others):
            raise Stopped

    return hook
