"""Access control: the account of the current request, and whether that has a scope."""

import re

from flask import g, request

from image_api.auth.account import ADMIN, GENERATE, JOBS, OPERATOR, SIGNED_LINK, Account, Scope
from image_api.auth.errors import Forbidden, InvalidCredential, Unauthorized
from image_api.services import services
from image_api.web.disclosure import has_token

AZURE = "api-key"  # in which OpenAI's clients for Azure send their key
BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
LACKS = {
    GENERATE: "This credential may not generate pictures.",
    JOBS: "This credential may neither submit nor read jobs.",
    ADMIN: "Only the operator may do this: the holder of WORKER_TOKEN, or an account that ADMIN_ACCOUNTS names.",
}
OF_A_LINK = "A signed link is for its pictures alone: it makes no job of them."


def sends_credential() -> bool:
    """Return whether the current request has a credential, right or wrong."""
    return "Authorization" in request.headers or AZURE in request.headers


def current_account() -> Account | None:
    """Return the account of the current request; None with AUTH=none, and if its address needs no credential."""
    account: Account | None = g.get("account")
    return account


def require_scope(scope: Scope) -> None:
    """Raise Unauthorized or Forbidden unless the request's account has the scope; with AUTH=none it may have none.

    Raises as Authenticator does, too. The account is that of the request's first check.
    """
    if services().authenticator is None and current_account() is None:
        return
    account = _account()
    if scope not in account.scopes:
        raise Forbidden(OF_A_LINK if account is SIGNED_LINK else LACKS[scope])


def require_admin() -> None:
    """Raise Unauthorized or Forbidden unless the operator sends the request, or an admin; and as `require_scope`."""
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


def wanted_credential() -> str | None:
    """Return what the documentation says of credentials; None with AUTH=none."""
    authenticator = services().authenticator
    return f"Pictures and jobs need a credential: send {authenticator.wanted}." if authenticator else None


def _account() -> Account:
    """Return the account of the current request, which then is the client that admission control knows."""
    known, authenticator = current_account(), services().authenticator
    if known is not None or authenticator is None:
        return known or OPERATOR
    if has_token():
        account = OPERATOR
    else:
        account = authenticator.account_of(_credential(authenticator.wanted), g.client)
        g.client = services().client_ids.id_of(account.id)
    g.account = account
    return account


def _credential(wanted: str) -> str:
    """Return the bearer token of the request. Raises Unauthorized if there is none, InvalidCredential if it is odd."""
    header = request.headers.get("Authorization", "").strip(" \t")
    if not header and (key := request.headers.get(AZURE, "").strip(" \t")):
        return key
    if not header:
        raise Unauthorized(f"This request needs a credential: send {wanted}.")
    found = BEARER.fullmatch(header)
    if not found:
        raise InvalidCredential(f"The Authorization header holds no bearer token: send {wanted}.")
    return found[1]
