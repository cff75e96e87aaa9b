"""Samples: requests by a grammar, distorted as the seed decides.

The same seed, tier and number give the same bytes, so that a sample that fails can be sent again.
"""

import random
from dataclasses import dataclass
from typing import Literal

from tests.fuzz.frames import conversation
from tests.fuzz.mutations import mutated
from tests.fuzz.requests import Request, of_api, of_worker

Tier = Literal["api", "worker"]
Kind = Literal["kept", "once"]
MUTATED = 0.30
PIPELINED = 0.05
FRAMES = 0.04  # of the API tier's
MAX_PIPELINED = 4


@dataclass(frozen=True)
class Sample:
    """Bytes for a connection: `kept` is one whole request on a reused connection, `once` is any bytes, after which
    nothing more is sent.
    """

    tier: Tier
    number: int
    kind: Kind
    data: bytes
    head_only: bool = False
    then: bytes = b""
    """Bytes that follow when a handshake was accepted."""


def sample(tier: Tier, seed: int, number: int) -> Sample:
    """Return the sample of that number."""
    chance = random.Random(f"{seed}/{tier}/{number}")
    drawn = chance.random()
    if tier == "api" and drawn < FRAMES:
        handshake, frames = conversation(chance)
        return Sample(tier, number, "once", handshake, then=frames)
    drawn = chance.random()
    if drawn < MUTATED:
        other = _request(tier, chance).data
        return Sample(tier, number, "once", mutated(_request(tier, chance).data, other, chance))
    if drawn < MUTATED + PIPELINED:
        many = [_request(tier, chance).data for _ in range(chance.randint(2, MAX_PIPELINED))]
        return Sample(tier, number, "once", b"".join(many))
    request = _request(tier, chance)
    return Sample(tier, number, "kept" if request.whole else "once", request.data, request.method == "HEAD")


def _request(tier: Tier, chance: random.Random) -> Request:
    return of_api(chance) if tier == "api" else of_worker(chance)
