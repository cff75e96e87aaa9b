"""The bearer token between the tiers, as a request shows it (RFC 6750)."""

import hmac


def carries(header: str | None, token: str) -> bool:
    """Return whether an Authorization header carries the token; the comparison takes the same time for all others."""
    return header is not None and hmac.compare_digest(header.encode(), f"Bearer {token}".encode())
