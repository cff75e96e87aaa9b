"""The credential of the current request: a bearer token, or a key in a header of its own, and never in its address."""

import re
from urllib.parse import parse_qsl

from flask import request

from image_api.auth.api_key import PREFIX
from image_api.auth.errors import CredentialInAddress, InvalidCredential, Unauthorized
from image_api.web.current import current_request
from image_api.web.wsgi_names import wsgi_name

BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
IN_ADDRESS = frozenset({"api_key", "api-key", "apikey", "x-api-key", "key", "token", "access_token"})
"""Parameters in which other services take one."""
# X-API-Key and api-key are those of clients that send no bearer token; the latter of OpenAI's for Azure.
HEADERS = ("Authorization", "X-API-Key", "API-Key")
OF_WSGI = BEARER_HEADER, *KEY_HEADERS = tuple(map(wsgi_name, HEADERS))
SEVERAL = "This request has credentials that differ; send one alone."


def sends_credential() -> bool:
    """Return whether the current request has a credential, right or wrong."""
    environ = current_request().environ
    return any(name in environ for name in OF_WSGI)


def is_key(credential: str) -> bool:
    """Return whether a credential is meant as an API key of this service."""
    return credential.startswith(PREFIX)


def sent_key() -> str | None:
    """Return the API key of the current request by its prefix; None if it has none. Other credentials are as none.

    Raises InvalidCredential if it has two.
    """
    keys = [it for it in _all_sent() if is_key(it)]
    if len(keys) > 1:
        raise InvalidCredential(SEVERAL)
    return keys[0] if keys else None


def sent_credential(wanted: str) -> str:
    """Return the credential of the current request; `wanted` says what is to be sent.

    Raises Unauthorized if there is none, and InvalidCredential if it is no bearer token, or there are several.
    """
    sent = _all_sent()
    if len(sent) > 1:
        raise InvalidCredential(SEVERAL)
    if sent:
        return sent.pop()
    if request.headers.get("Authorization", "").strip(" \t"):
        raise InvalidCredential(f"The Authorization header holds no bearer token: send {wanted}.")
    if is_credential_in_address():
        raise CredentialInAddress(f"A credential in an address is not accepted: send {wanted}.")
    raise Unauthorized(f"This request needs a credential: send {wanted}.")


def is_credential_in_address() -> bool:
    """Return whether the address has a parameter that is a credential elsewhere, also one that was dropped here."""
    query = request.environ.get("RAW_URI", "").partition("?")[2] or request.query_string.decode("latin-1")
    return any(name.lower() in IN_ADDRESS for name, _ in parse_qsl(query, keep_blank_values=True))


def _all_sent() -> set[str]:
    environ = current_request().environ
    sent = {environ[name].strip(" \t") for name in KEY_HEADERS if name in environ}
    if found := BEARER.fullmatch(environ.get(BEARER_HEADER, "").strip(" \t")):
        sent.add(found[1])
    sent.discard("")
    return sent
