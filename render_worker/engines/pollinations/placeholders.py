"""Pictures that Pollinations sends in place of the one that was asked for, when it limits an address."""

import hashlib
from collections import OrderedDict
from fractions import Fraction

from render_worker.contract import Size
from render_worker.engines.pollinations.replies import REST_SECONDS
from render_worker.errors import EngineRateLimited
from render_worker.sizes import alike

KEPT = 16  # pictures
LEAST_SHARE = 4  # of the pixels asked for, a fourth; its models' limits leave more


class Placeholders:
    """The latest pictures, by which one that comes again for another address is known. Used by one thread at a time."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, str] = OrderedDict()

    def check(self, data: bytes, found: Size, asked: Size, address: str) -> None:
        """Raise EngineRateLimited if the picture is a placeholder: of another size, or the same as another one's."""
        digest = hashlib.sha256(data).hexdigest()
        before = self._addresses.get(digest, address)
        self._addresses[digest] = address
        self._addresses.move_to_end(digest)
        while len(self._addresses) > KEPT:
            self._addresses.popitem(last=False)
        if before != address or not (found == asked or _scaled_down(found, asked)):
            raise EngineRateLimited(
                "Pollinations sent a placeholder in place of the picture: it limits this server's address.",
                REST_SECONDS,
            )


def _scaled_down(found: Size, asked: Size) -> bool:
    """Return whether a size is what the service makes of one that has too many pixels for its model."""
    smaller = found[0] <= asked[0] and found[1] <= asked[1]
    enough = found[0] * found[1] * LEAST_SHARE >= asked[0] * asked[1]
    return smaller and enough and alike(Fraction(*found), Fraction(*asked))
