"""Settlement: what becomes of the charge for a picture when its flight has ended."""

import logging

from image_api.errors import Cancelled
from image_api.generation.flight import Flight
from image_api.limits.budgets import billed_by
from render_worker.contract import GenerateResult

log = logging.getLogger(__name__)


def settle(flight: Flight, outcome: GenerateResult | Exception) -> None:
    """Correct the charge of a flight by what the picture did cost, or take it back if none was made.

    One that its client cancelled after work had begun stays charged as it is.
    """
    if flight.charge is None or (flight.begun and _is_cancelled(flight)):
        return
    try:
        if isinstance(outcome, GenerateResult) and not flight.coalesced:
            flight.charge.settle(outcome)
        elif isinstance(outcome, GenerateResult):
            flight.charge.refund()
        else:
            flight.charge.refund(billed_by(outcome))
    except Exception:  # the picture is there: those that wait get it, and the charge stays
        log.exception("%s: its charge could not be settled", flight.request_id)


def _is_cancelled(flight: Flight) -> bool:
    return flight.completed.done() and isinstance(flight.completed.exception(), Cancelled)
