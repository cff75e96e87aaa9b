"""Addresses of the queue's broker, and how Celery writes them, in both tiers."""

import re
from urllib.parse import SplitResult, parse_qs, quote, urlsplit, urlunsplit

BROKER = re.compile(r"(redis|rediss|unix|amqp|amqps)://\S+")
REDIS = re.compile(r"(redis|rediss|unix)://")
DATABASE = re.compile(r"/?[0-9]*/?")
CERTIFICATE = "ssl_cert_reqs"


def is_broker(address: str) -> bool:
    """Return whether an address is one of a broker; Celery would log the password of one that it cannot read."""
    return bool(BROKER.fullmatch(address)) and (is_redis if REDIS.match(address) else is_readable)(address)


def is_readable(address: str) -> bool:
    """Return whether an address has its parts where they belong: no password's "/" or "#" has ended the host."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # ValueError if it is no number
    except ValueError:
        return False
    return "@" not in parts.path + parts.query + parts.fragment or parts.scheme == "unix"


def is_redis(address: str) -> bool:
    """Return whether an address is one of a Redis, its database a number."""
    if not REDIS.match(address) or not is_readable(address):
        return False
    parts = urlsplit(address)
    return parts.scheme == "unix" or bool(DATABASE.fullmatch(parts.path))


def has_known_options(address: str) -> bool:
    """Return whether a client of Redis takes an address with its options; it connects to nothing."""
    from redis import ConnectionPool  # here: without Redis its 7 MiB are not loaded

    try:
        ConnectionPool.from_url(address).make_connection()
    except (TypeError, ValueError):
        return False
    return True


def celery_address(address: str) -> str:
    """Return a broker's address as Celery writes it.

    It has another name for a Redis at a Unix socket, and without a word of it would trust any certificate.
    """
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _of_socket(parts)
    if parts.scheme == "rediss" and CERTIFICATE not in parse_qs(parts.query):
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, f"{CERTIFICATE}=required")))))
    return address


def _of_socket(parts: SplitResult) -> str:
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user = parts.username or quote(options.get("username", ""), safe="")
    password = parts.password or quote(options.get("password", ""), safe="")
    login = f"{user}:{password}@" if password else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={options.get('db', '0')}"
