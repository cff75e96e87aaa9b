"""How Celery writes the address of a broker, in both tiers."""

from urllib.parse import parse_qs, quote, urlsplit


def celery_address(address: str) -> str:
    """Return a broker's address as Celery writes it, which has another name for a Redis at a Unix socket."""
    if not address.startswith("unix://"):
        return address
    parts = urlsplit(address)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user = parts.username or quote(options.get("username", ""), safe="")
    password = parts.password or quote(options.get("password", ""), safe="")
    login = f"{user}:{password}@" if password else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={options.get('db', '0')}"
