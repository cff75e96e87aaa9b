"""Bearer tokens (RFC 6750), by which the API tier authenticates at the render worker."""

import hmac


def has_bearer_token(header: str | None, token: str) -> bool:
    """Return whether an Authorization header holds the token; compared in constant time."""
    return header is not None and hmac.compare_digest(header.encode(), f"Bearer {token}".encode())
