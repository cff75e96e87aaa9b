"""How Celery writes the address of a broker, in both tiers."""

from urllib.parse import parse_qs, urlsplit


def celery_address(address: str) -> str:
    """Return a broker's address as Celery writes it, which has another name for a Redis at a Unix socket."""
    if not address.startswith("unix://"):
        return address
    parts = urlsplit(address)
    options = parse_qs(parts.query)
    password = f":{options['password'][0]}@" if "password" in options else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={options.get('db', ['0'])[0]}"
