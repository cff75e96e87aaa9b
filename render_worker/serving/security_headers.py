"""The Content-Security-Policy of what is no page: a browser that is led to it may show it, and runs and loads nothing.

https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
"""

PICTURE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
"""Of pictures, which any page may show, also in a frame."""
STRICTEST_POLICY = f"{PICTURE_POLICY}; frame-ancestors 'none'"
WITHOUT_CONTENT = (204, 304)


def policy_of(mimetype: str) -> str:
    """Return the policy of a response of a media type."""
    return PICTURE_POLICY if mimetype.startswith("image/") else STRICTEST_POLICY
