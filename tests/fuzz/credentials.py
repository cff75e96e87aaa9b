"""Credentials: API keys that are right, wrong and none at all, in headers and addresses, and signed links."""

import random
from urllib.parse import parse_qsl, quote, urlencode

from image_api.auth.api_key import PREFIX, hash_of
from image_api.auth.signed_links import signed_pairs
from tests.hostile.arena import TOKEN

KEYS = {scope: f"{PREFIX}{scope}{'-' * (43 - len(scope))}" for scope in ("generate", "jobs", "admin")}
"""The keys that the API tier under test knows, by their scopes."""
SIGNING_KEY = "a-signing-key-of-the-fuzz-0123456789"
ENVIRONMENT = {
    "API_KEYS": ",".join(f"{scope}:{hash_of(key)}:scopes={scope}:per-minute=1000" for scope, key in KEYS.items()),
    "SIGNING_KEYS": SIGNING_KEY,
    "RATE_LIMIT": "1000000 per minute",
}
NEVER = 4_000_000_000  # in 2096
ODD_KEYS = [
    PREFIX,
    PREFIX + "x" * 42,
    PREFIX + "x" * 43,
    PREFIX + "x" * 44,
    PREFIX + "\xff" * 43,
    "IG_" + "x" * 43,
    f"{KEYS['generate']} ",
    f"{KEYS['generate']}, {KEYS['jobs']}",
    "hf_unknown",
    "x" * 3000,
]
NAMES = ["Authorization", "X-API-Key", "api-key", "x-api-key"]
QUERY_NAMES = ["api_key", "api-key", "key", "token", "access_token", "X-API-Key"]
SECRETS = [*KEYS.values(), TOKEN, *ODD_KEYS]
MOMENTS = ["0", "-1", "1", str(NEVER), "9" * 30, "1e9", " 1", "٣", "", "x", "\xff"]
SIGNATURES = ["", "x", "=" * 43, "A" * 43, "A" * 44, "%ff" * 43, "\xff", "A" * 3000]


def credentials(chance: random.Random) -> list[tuple[str, str]]:
    """Return the headers of a credential, of several that differ, or of one twice."""
    found = []
    for _ in range(chance.choice([1, 1, 1, 2])):
        name, key = chance.choice(NAMES), chance.choice(SECRETS)
        scheme = chance.choice(["Bearer ", "Bearer ", "bearer  ", "Basic ", ""]) if name == "Authorization" else ""
        found.append((name, scheme + key))
    return found


def with_secret(query: str, chance: random.Random) -> str:
    """Return a query with a key in it, which none may have."""
    return f"{query}&{chance.choice(QUERY_NAMES)}={quote(chance.choice(SECRETS))}"


def signed(path: str, query: str, chance: random.Random) -> str:
    """Return the query of a signed link, which is changed at times."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = list(signed_pairs(SIGNING_KEY.encode(), path, pairs, NEVER))
    drawn = chance.random()
    if drawn < 0.1:
        found = [(name, chance.choice(MOMENTS) if name == "expires" else text) for name, text in found]
    elif drawn < 0.2:
        found = [(name, chance.choice(SIGNATURES) if name == "signature" else text) for name, text in found]
    elif drawn < 0.3:
        found.append(chance.choice(found))
    elif drawn < 0.4:
        del found[chance.randrange(len(found))]
    elif drawn < 0.5:
        chance.shuffle(found)
    return urlencode(found, errors="replace")
