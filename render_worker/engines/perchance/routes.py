"""The ways to Perchance in the order of preference, and which of them are closed for a while."""

import logging
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from render_worker.engines.perchance.errors import RouteClosed
from render_worker.engines.perchance.settings import PerchanceSettings, Route
from render_worker.errors import EngineError

log = logging.getLogger(__name__)


class Routes:
    """The configured routes, shared by all sessions; what closes one for one session closes it for all."""

    def __init__(self, settings: PerchanceSettings) -> None:
        self._routes = settings.perchance_routes
        self._seconds = settings.perchance_closed_seconds
        self._closed: dict[Route, tuple[float, RouteClosed]] = {}

    def open(self) -> list[Route]:
        """Return the routes that can be tried. Raises the RouteClosed of the one that is closed shortest if none can.

        So a try costs nothing while all are closed, and the circuit breaker learns for how long.
        """
        remaining = {route: self._remaining(route) for route in self._routes}
        if found := [route for route, seconds in remaining.items() if not seconds]:
            return found
        route = min(remaining, key=lambda each: remaining[each])
        raise type(self._closed[route][1])(remaining[route])

    def close(self, route: Route, error: RouteClosed) -> None:
        """Leave a route out for PERCHANCE_CLOSED_SECONDS, which become the error's `retry_after`."""
        if not self._seconds:
            return
        error.retry_after = self._seconds
        self._closed[route] = (time.monotonic() + self._seconds, type(error)())
        log.warning("perchance: %s", self._sentence(route))

    def error_of(self, failures: Sequence[EngineError]) -> EngineError:
        """Return the error of a picture for which each open route failed: what may be well again soon goes first.

        Its sentence names the closed routes too.
        """
        lasting = [error for error in failures if isinstance(error, RouteClosed)]
        if len(lasting) == len(failures):
            return lasting[0]
        error = next(error for error in reversed(failures) if error not in lasting)
        closed = [self._sentence(route) for route in self._routes if self._remaining(route)]
        error.args = (" ".join((str(error), *closed)),)
        return error

    def health(self) -> dict[str, str]:
        """Return for the operator which routes are closed, why, and until when."""
        return {f"{route}_route": self._sentence(route) for route in self._routes if self._remaining(route)}

    def _remaining(self, route: Route) -> int:
        """Return the seconds for which a route is still closed; 0 if it is open."""
        until = self._closed[route][0] if route in self._closed else 0.0
        return max(0, math.ceil(until - time.monotonic()))

    def _sentence(self, route: Route) -> str:
        end = datetime.now(UTC) + timedelta(seconds=self._remaining(route))
        return f"The route {route} is closed until {end.isoformat(timespec='seconds')}: {self._closed[route][1]}"
