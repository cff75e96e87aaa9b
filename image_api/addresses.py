"""The http(s) addresses of settings: which texts are one, and what the list of the render workers' means."""

import re
from urllib.parse import urlsplit

from render_worker.serving.environment import comma_separated

MAX_WORKERS = 100
EXAMPLE = "https://perchance-worker.onrender.com"
PORTS = {"http": 80, "https": 443}


def is_address(text: str) -> bool:
    """Return whether a text is an http(s) URL of a host, with or without a port and a path, and nothing else."""
    printable = text.isascii() and text.isprintable()  # as a header has to be
    if not printable or not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text, re.IGNORECASE):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False  # the port is invalid


def worker_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of render workers in a list with commas, each once and with its scheme.

    Raises ValueError if one is no address, or if they are too many.
    """
    texts = comma_separated(text)
    found: dict[tuple[object, ...], str] = {}
    for number, text in enumerate(texts, 1):
        address = _with_scheme(text)
        if not is_address(address):
            which = "it" if len(texts) == 1 else f"number {number} of its addresses"
            raise ValueError(f"{which} must be an address like {EXAMPLE}")
        found.setdefault(_identity(address), address.rstrip("/"))
    if len(found) > MAX_WORKERS:
        raise ValueError(f"it must name at most {MAX_WORKERS} render workers")
    return tuple(found.values())


def _with_scheme(address: str) -> str:
    if "://" in address:
        return address
    host = re.split("[:/]", address)[0].rstrip(".")
    public = "." in host and not host.replace(".", "").isdigit()  # as platforms show a public host's name
    return f"{'https' if public else 'http'}://{address}"


def _identity(address: str) -> tuple[object, ...]:
    """Return what two spellings of one address share."""
    parts = urlsplit(address)
    user = parts.netloc.rpartition("@")[0]
    return parts.scheme, user, parts.hostname, parts.port or PORTS[parts.scheme], parts.path.rstrip("/")
