"""Whose a job is: an account's, or with AUTH=none the machine's own, or a client's by its address."""

from functools import lru_cache
from urllib.parse import urlsplit

from flask import request

from image_api.allowed_hosts import ANY
from image_api.auth.account import OPERATOR
from image_api.jobs.errors import JobNotFound
from image_api.jobs.job import OF_A_KEY, Job
from image_api.networks import NETWORKS, address_of, within
from image_api.services import services
from image_api.web.access import current_account
from image_api.web.disclosure import is_operator
from image_api.web.jobs.ids import parse_job_id
from image_api.web.trusted_proxies import CLIENT_ADDRESS

MAX_MEMOISED = 1024  # addresses and hosts: each request for a picture has one of both looked at
LOCAL = "local"
"""The owner of what the machine itself submits, and the holder of WORKER_TOKEN if AUTH is not none."""
UNKNOWN = "unknown"
"""The owner of what comes by a Unix socket, or by a proxy that TRUSTED_PROXIES does not name."""
# A request with one of them came through a proxy, a tunnel or a CDN, whatever its peer is.
FORWARDED = frozenset(
    {
        *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SERVER"),
        *("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_CLIENT_IP", "HTTP_TRUE_CLIENT_IP"),
        *("HTTP_CF_CONNECTING_IP", "HTTP_FLY_CLIENT_IP", "HTTP_X_ORIGINAL_HOST"),
    }
)


def job_owner() -> str:
    """Return the owner of the current request's jobs. It stays the same when this service is started again."""
    if account := current_account():
        if account is OPERATOR:
            return LOCAL
        of_a_key = OF_A_KEY if account.allowance else ""
        return f"{of_a_key}{services().owner_ids.id_of(account.id)}"
    if is_local():
        return LOCAL
    return services().owner_ids.id_of(request.environ.get(CLIENT_ADDRESS)) or UNKNOWN


def listed_owner() -> str | None:
    """Return the owner whose jobs the client may list; None if it may list none."""
    return job_owner() if current_account() or is_local() else None


def own_job(text: str) -> Job:
    """Return the job with an id that a client names: its own, with AUTH=none also one of no API key.

    Raises JobNotFound if it is no id, or that of another's job; and DatabaseUnavailable.
    """
    job = services().jobs.get(parse_job_id(text))
    is_open = services().authenticator is None and not job.owner.startswith(OF_A_KEY)
    if not (is_open or is_operator() or job.owner == job_owner()):
        raise JobNotFound
    return job


def is_local() -> bool:
    """Return whether the machine itself asks, and neither a proxy on it nor another site's page in its browser."""
    return _is_loopback(request.environ.get("REMOTE_ADDR") or "") and not (
        _is_forwarded() or _is_rebound() or _is_of_another_site()
    )


def _is_forwarded() -> bool:
    """Return whether a proxy may have sent it; HTTP/1.0 is what nginx speaks unless it is told otherwise."""
    environ = request.environ
    return environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or not FORWARDED.isdisjoint(environ)


@lru_cache(maxsize=MAX_MEMOISED)
def _is_loopback(text: str) -> bool:
    address = address_of(text)
    return address is not None and within(address, NETWORKS["loopback"])


def _is_rebound() -> bool:
    """Return whether the Host may be another site's, whose name leads to this machine (DNS rebinding)."""
    if ANY not in services().settings.allowed_hosts:
        return False  # it is checked already
    return not _names_this_machine(request.host)


@lru_cache(maxsize=MAX_MEMOISED)
def _names_this_machine(host: str) -> bool:
    name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_of_another_site() -> bool:
    """Return whether a page sent it that is not this service's, nor of an origin that CORS_ORIGINS names."""
    origin: str | None = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        return False
    own = f"{request.scheme}://{request.host}"
    return origin.lower() not in (own.lower(), *services().settings.cors_origins)
