"""Access control: the account of the current request, and whether that has a scope."""

from flask import g

from image_api.auth.account import ADMIN, GENERATE, JOBS, OPERATOR, SIGNED_LINK, Account, Scope
from image_api.auth.errors import Forbidden, InvalidCredential, Unauthorized
from image_api.errors import ApiError
from image_api.services import Services, services
from image_api.web.current import current_globals
from image_api.web.disclosure import has_token
from image_api.web.sent_credentials import is_key, sends_credential, sent_credential, sent_key

LACKS = {
    GENERATE: "This credential may not generate pictures: it lacks the scope generate.",
    JOBS: "This credential may neither submit nor read jobs: it lacks the scope jobs.",
    ADMIN: "Only the operator may do this: the holder of WORKER_TOKEN, or of a key with the scope admin, or an account"
    " that ADMIN_ACCOUNTS names.",
}
OF_A_LINK = "A signed link is for its pictures alone: it makes no job of them."
OPERATOR_ALONE = "Only the operator may do this"
ADMINS_KEY = "a key with the scope admin"
NO_OPERATOR = (
    "Only the operator may do this, and this service has no WORKER_TOKEN to know the operator by: set it, or send a key"
    " with the scope admin."
)


def current_account() -> Account | None:
    """Return the account of the current request; None if its address needs no credential.

    With AUTH=none it is None, too, unless the request has a valid API key, or came by a signed link.
    """
    account: Account | None = current_globals().get("account")
    return account


def require_scope(*scopes: Scope) -> None:
    """Raise Unauthorized or Forbidden unless the request's account has one of the scopes.

    With AUTH=none only a valid API key or a signed link may lack one. Raises as Authenticator does, too. The account is
    that of the request's first check.
    """
    account = current_account() or _identified()
    if account is not None and account.scopes.isdisjoint(scopes):
        raise Forbidden(OF_A_LINK if account is SIGNED_LINK else LACKS[scopes[0]])


def require_admin() -> None:
    """Raise Unauthorized or Forbidden unless the operator sends the request, or an admin; and as `require_scope`."""
    if has_token():
        return
    if services().authenticator is None and current_account() is None and (key := sent_key()):
        _become_holder(key)  # which raises what is wrong with it
    if services().authenticator is not None or current_account():
        require_scope(ADMIN)
    elif services().settings.worker_token is None:
        raise Forbidden(NO_OPERATOR)
    elif sends_credential():
        raise InvalidCredential(f"{OPERATOR_ALONE}, and the credential is neither WORKER_TOKEN nor {ADMINS_KEY}.")
    else:
        raise Unauthorized(f"{OPERATOR_ALONE}: send WORKER_TOKEN as a bearer token, or {ADMINS_KEY}.")


def check_again() -> None:
    """Raise as `require_scope` if the credential of a WebSocket has been revoked, or has expired, meanwhile."""
    g.pop("account", None)
    require_scope(GENERATE)


def key_refusal() -> str | None:
    """Return why the request's API key counts as none with AUTH=none; None if it does not, or has none."""
    refusal: str | None = g.get("key_refusal")
    return refusal


def wanted_credential() -> str | None:
    """Return what the documentation says of credentials; None with AUTH=none."""
    authenticator = services().authenticator
    return f"Pictures and jobs need a credential: send {authenticator.wanted}." if authenticator else None


def _identified() -> Account | None:
    """Return the account of the current request, from here on; None with AUTH=none and without a valid API key."""
    authenticator = services().authenticator
    if authenticator is None:
        try:
            return _become_holder(key) if (key := sent_key()) else None
        except ApiError as error:  # what no address needs is as none if it is wrong
            g.key_refusal = str(error)
            return None
    if has_token():
        g.account = OPERATOR
        return OPERATOR
    credential = sent_credential(authenticator.wanted)
    if is_key(credential):
        return _become_holder(credential)
    return _become(authenticator.account_of(credential, g.client), services())


def _become_holder(key: str) -> Account:
    """Make the account of an API key the request's, and return it. Raises as Authenticator does."""
    its = services()
    return _become(its.api_keys.account_of(key, current_globals().client), its)


def _become(account: Account, its: Services) -> Account:
    """Make an account the request's, and the client that admission control knows; return it."""
    globals_ = current_globals()
    globals_.account = account
    globals_.client = its.client_ids.id_of(account.id)
    return account
