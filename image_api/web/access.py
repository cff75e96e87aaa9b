"""Access control: the account of the current request, and the scope that each address needs.

An address needs a scope unless OPEN has its view: a new one is closed until it is added there.
"""

import re

from flask import Flask, g, request

from image_api.auth.account import ADMIN, GENERATE, JOBS, OPERATOR, Account, Scope
from image_api.auth.errors import Forbidden, InvalidCredential, Unauthorized
from image_api.services import services, services_of
from image_api.web.disclosure import has_token
from image_api.web.pages.window_page import shows_window

BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
OPEN_FAMILIES = frozenset({"api_pages", "crawlers", "icons", "images", "openapi", "pages", "picture_pages"}) | {
    *("health", "job_health", "static_files", "status")
}
"""The modules of routes whose views need no credential."""
OPEN_VIEWS = frozenset({"generate.models", "styled.health", "styled.styles"})
JOB_FAMILIES = frozenset({"jobs", "job_events", "deliveries"})
SUBMISSION = "jobs.submit"
LACKS = {
    GENERATE: "This credential may not generate pictures.",
    JOBS: "This credential may neither submit nor read jobs.",
    ADMIN: "Only the operator may do this: the holder of WORKER_TOKEN, or an account that ADMIN_ACCOUNTS names.",
}


def register(app: Flask) -> None:
    """Require a credential with the scope that each address needs; with AUTH=none nothing is done at a request."""
    if services_of(app).authenticator is not None:
        app.before_request(_authorize)


def needs_credential(endpoint: str) -> bool:
    """Return whether the view of an endpoint needs a credential, unless AUTH=none."""
    return endpoint not in OPEN_VIEWS and endpoint.rpartition(".")[0] not in OPEN_FAMILIES


def current_account() -> Account | None:
    """Return the account of the current request; None with AUTH=none, and if its address needs no credential."""
    account: Account | None = g.get("account")
    return account


def require_scope(scope: Scope) -> None:
    """Raise Unauthorized, Forbidden or AuthUnavailable unless the request's account has the scope; never if AUTH=none.

    The result is that of the request's first check.
    """
    if services().authenticator is not None and scope not in _account().scopes:
        raise Forbidden(LACKS[scope])


def require_admin() -> None:
    """Raise Unauthorized, Forbidden or AuthUnavailable unless the operator sends the request, or an admin account."""
    if has_token():
        return
    if services().authenticator is not None:
        require_scope(ADMIN)
    elif services().settings.worker_token is None:
        raise Forbidden("Only the operator may do this, and this service has no WORKER_TOKEN to know the operator by.")
    elif "Authorization" in request.headers:
        raise InvalidCredential("Only the operator may do this, and the bearer token is not WORKER_TOKEN.")
    else:
        raise Unauthorized("Only the operator may do this: send WORKER_TOKEN as a bearer token.")


def check_again() -> None:
    """Raise as `require_scope` if the credential of a WebSocket has been revoked, or has expired, meanwhile."""
    g.pop("account", None)
    require_scope(GENERATE)


def _authorize() -> None:
    """Raise Unauthorized, Forbidden or AuthUnavailable unless the request has the scopes that its address needs."""
    if request.url_rule is None or request.method == "OPTIONS" or _is_open():  # a preflight carries no credential
        return
    if request.blueprint in JOB_FAMILIES:
        require_scope(JOBS)
    if request.blueprint not in JOB_FAMILIES or request.endpoint == SUBMISSION:
        require_scope(GENERATE)


def _is_open() -> bool:
    if not needs_credential(request.endpoint or ""):
        return True
    return request.endpoint == "generate.by_query" and shows_window()  # its script sends the credential


def _account() -> Account:
    """Return the account of the current request, which then is the client that admission control knows."""
    known = current_account()
    if known is not None:
        return known
    if has_token():
        account = OPERATOR
    else:
        account = services().authenticator.account_of(_credential())  # type: ignore[union-attr]  # AUTH is not none
        g.client = services().client_ids.id_of(account.id)
    g.account = account
    return account


def _credential() -> str:
    """Return the bearer token of the request. Raises Unauthorized if it has none, InvalidCredential if it is no text"""
    header = request.headers.get("Authorization")
    if not header:
        raise Unauthorized("This needs a credential, and the request has none.")
    found = BEARER.fullmatch(header.strip())
    if not found:
        raise InvalidCredential("The Authorization header must be Bearer, a space, and the token.")
    return found[1]
