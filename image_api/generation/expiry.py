"""How long a result's address is good for: a storage's signed link ends."""

import math
from datetime import UTC, datetime

from render_worker.contract import GenerateResult

MARGIN_SECONDS = 300.0  # whoever is given an address that is known from before has at least so long for it


def good_seconds(result: GenerateResult) -> float:
    """How long the result may still be given to callers; infinite where its address does not end."""
    if result.expires_at is None:
        return math.inf
    try:
        end = datetime.fromisoformat(result.expires_at)
    except ValueError:
        return 0.0
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return (end - datetime.now(UTC)).total_seconds() - MARGIN_SECONDS
