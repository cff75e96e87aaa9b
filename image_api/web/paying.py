"""On whose limits the new pictures of the current request count, and the headers that say what is left of these.

The headers are those of the IETF's draft: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from functools import lru_cache

from flask import Flask, Response, g

from image_api.auth.account import OPERATOR, SIGNED_LINK
from image_api.limits.payers import LimitedPayer
from image_api.limits.rate_limiter import Quota
from image_api.rates import Rate
from image_api.services import services
from image_api.web.access import current_account
from image_api.web.client_address import address_id, is_local
from image_api.web.current import current_globals
from image_api.web.disclosure import has_token

POLICY, LEFT = "RateLimit-Policy", "RateLimit"


def register(app: Flask) -> None:
    """Tell each client whose request could have been charged what is left of its limits."""
    app.after_request(_tell_quotas)


def current_payer() -> LimitedPayer | None:
    """Return the payer of the current request; None if its pictures count on no limits."""
    its = current_globals()
    if "payer" not in its:
        its.payer = _payer()
    payer: LimitedPayer | None = its.payer
    return payer


def forget_payer() -> None:
    """Look the payer of a WebSocket up again, whose account may have other limits now."""
    g.pop("payer", None)


def _payer() -> LimitedPayer | None:
    """Return the payer: that of a key has the key's own limits, any other account and client RATE_LIMIT.

    The operator has none, and neither has the machine itself. A signed link has those of the client that opens it.
    """
    account, payers = current_account(), services().payers
    if account and account.allowance:
        return payers.of_key(account.id, account.allowance)
    if not payers.rates or account is OPERATOR or has_token():
        return None
    if account and account is not SIGNED_LINK:
        return payers.of_client(account.id)
    # Clients that cannot be told apart have one limit together.
    return None if is_local() else payers.of_client(address_id())


def _tell_quotas(response: Response) -> Response:
    payer: LimitedPayer | None = g.get("payer")
    if payer is None or response.headers.get("Cache-Control", "").startswith("public"):  # for all, and not of this one
        return response
    if quotas := payer.quotas():
        response.headers.add(POLICY, _policies(payer.rates))
        response.headers.add(LEFT, ", ".join([_left(it) for it in quotas]))
    return response


@lru_cache
def _name(rate: Rate) -> str:
    return rate.name


@lru_cache
def _policies(rates: tuple[Rate, ...]) -> str:
    return ", ".join([f'"{rate.name}";q={rate.amount};w={rate.seconds}' for rate in rates])


def _left(quota: Quota) -> str:
    return f'"{_name(quota.rate)}";r={quota.remaining};t={quota.seconds}'
