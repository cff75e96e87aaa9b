"""Names of headers in a WSGI environment (PEP 3333)."""


def wsgi_name(header: str) -> str:
    """Return the key of a request's header, but of Content-Type and Content-Length, whose keys have no prefix."""
    return f"HTTP_{header.upper().replace('-', '_')}"
