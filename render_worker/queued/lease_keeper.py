"""The leases of all requests that this process makes, renewed together by one thread."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from render_worker.contract import RENEW_SECONDS, GenerateResult
from render_worker.queued.claims import Claim, Claims
from render_worker.queued.periodic import Periodic
from render_worker.runtime import LoopWork


@dataclass(eq=False)
class Making:
    """A request that this process makes at one attempt."""

    claim: Claim
    work: LoopWork[GenerateResult] | None = None
    """None before it begins."""
    canceled: bool = False
    taken: bool = False
    """Whether its lease is lost: then its failure tells nothing."""
    begun: threading.Event = field(default_factory=threading.Event)
    """Set once its lease is held."""


class LeaseKeeper:
    """Renews the lease of each request that is made, and ends those that were cancelled or taken. Thread-safe."""

    def __init__(self, claims: Claims, cancel: Callable[[str], None]) -> None:
        """Have `cancel` called with the id of a request that was cancelled; it must not block."""
        self._claims = claims
        self._cancel = cancel
        self._made: dict[Claim, Making] = {}
        self._lock = threading.Lock()  # of what is made
        self._renewing = threading.Lock()
        self.thread = Periodic("leases", RENEW_SECONDS, self._keep)

    @property
    def running(self) -> int:
        """Return how many requests are made."""
        return len(self._made)

    def enter(self, claim: Claim) -> Making | None:
        """Note that a request is made; returns None if it is already, at this attempt: the message came twice."""
        with self._lock:
            if claim in self._made:
                return None
            making = self._made[claim] = Making(claim)
            return making

    def leave(self, making: Making) -> None:
        """Renew a lease no longer; one that is being renewed is waited for, lest it come back after it was given up."""
        with self._lock:
            self._made.pop(making.claim, None)
        with self._renewing:
            pass

    def all(self) -> list[Making]:
        """Return all that is made."""
        with self._lock:
            return list(self._made.values())

    def _keep(self) -> None:
        with self._renewing:
            held = [making for making in self.all() if making.begun.is_set() and not making.taken]
            if held:
                self._renew(held)

    def _renew(self, held: list[Making]) -> None:
        renewals = self._claims.renew([making.claim for making in held])
        for making, renewal in zip(held, renewals, strict=True):
            if renewal == "canceled" and not making.canceled:
                making.canceled = True
                self._cancel(making.claim.id)
            elif renewal == "taken":
                making.taken = True
                if making.work:
                    making.work.expire()
