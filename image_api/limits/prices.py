"""The prices of engines, as the render workers last told them, and what of a budget is reserved for one picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from image_api.key_entries import MICROS
from image_api.limits.costs import units_of
from render_worker.contract import AUTO, GenerateRequest, ModelList

UNKNOWN_SHARE = 4  # a picture whose price is not known yet gets this part of a budget: others go on beside it
# The dearest known, OpenAI's (render_worker/engines/openai/models.py), in micro-dollars:
BYTE_MICROS = 5  # of the prompt
IMAGE_MICROS = 70_000  # of a picture to begin with
PREVIEWS_MICROS = 6_400


def micros_up(dollars: float) -> int:
    """Return US dollars in micro-dollars, rounded up."""
    return math.ceil(round(dollars * MICROS, 3))  # 0.07 * 10**6 is 70000.00000000001


@dataclass(frozen=True, slots=True)
class TooDear:
    """That no engine makes a picture for what is left."""

    cheapest: int
    """What the cheapest one costs, in micro-dollars."""


@dataclass(frozen=True, slots=True)
class KnownPrices:
    """The prices of one moment. They are looked up in memory alone: also amid a transaction, in any thread."""

    known: ModelList | None

    def amount(self, request: GenerateRequest, left: int, budget: int) -> int | TooDear:
        """Return what is reserved for a picture, in micro-dollars: the highest price that may be, and is left.

        It is 0 if only engines that are free may make it, and a share of the budget if no price is known.
        """
        named = request.model != AUTO
        listed = self.known.models if self.known else []
        models = [it for it in listed if (it.name == request.model if named else it.answers_auto)]
        if not models:
            return min(left, budget // UNKNOWN_SHARE)
        usual = sorted(micros_up(it.price) for it in models if it.price is not None)
        if not usual:
            return 0  # the render worker says so: it passes over what has no price
        payable = [price for price in usual if price <= left]
        if not payable:
            return TooDear(usual[0])
        return min(left, payable[-1] * units_of(request) + _extra(request)) if payable[-1] else 0


class Prices:
    """What pictures may cost. It asks no render worker while a request waits. Thread-safe."""

    def __init__(self, known: Callable[[], ModelList | None], refresh: Callable[[], object] = lambda: None) -> None:
        """`known` returns the models that were last told of, and `refresh` has them read again in the background."""
        self._known = known
        self._refresh = refresh

    def latest(self) -> KnownPrices:
        """Return the prices that were last told, and have them read again.

        It begins a thread: if gevent has patched those, one that a native thread begins never runs.
        """
        self._refresh()
        return KnownPrices(self._known())


def _extra(request: GenerateRequest) -> int:
    """Return what engines are billed beside the picture at most, which the prices of models leave out."""
    sent = BYTE_MICROS * len(f"{request.prompt}{request.negative_prompt or ''}".encode())
    return sent + (IMAGE_MICROS if request.image else 0) + (PREVIEWS_MICROS if request.previews else 0)
