"""Signed links, of a key that a test has set."""

import time

from image_api.auth.signed_links import signed_pairs
from image_api.generation.query_strings import query_pairs

KEY = "first-" + "k" * 32
HOUR = 3600.0


def link(path: str, query: str = "prompt=a+boat&seed=7", seconds: float = HOUR, key: str = KEY) -> str:
    """Return a link that is valid for so many seconds, its query as it is written."""
    pairs = signed_pairs(key.encode(), path, query_pairs(query.encode()), int(time.time() + seconds))
    return f"{path}?{query}&" + "&".join("=".join(pair) for pair in pairs[-2:])
