"""Perchance's own errors, each with its stable code, its HTTP status and its sentence.

EngineError
├── VerificationRequired     503 perchance_verification_required (a ServiceBlocked)
├── RateLimited              503 perchance_rate_limited (a ServiceBlocked)
├── GenerationFailed         502 perchance_generation_failed
├── StaleRequest             502 perchance_stale_request
├── RequestRefused           502 perchance_request_refused
├── SiteBusy                 503 perchance_busy
├── RouteClosed              502 (a ServiceBlocked)
│   ├── ClientOutdated       502 perchance_client_outdated
│   └── AccessCodeRequired   502 perchance_access_code_required
└── PerchanceChanged         502 perchance_unexpected_reply (an UnexpectedReply)
"""

from typing import ClassVar

from render_worker.errors import EngineError, ServiceBlocked, UnexpectedReply


class VerificationRequired(ServiceBlocked):
    """Raised if Perchance asks for a human check; this server does not try to pass it."""

    code = "perchance_verification_required"
    hint = "Asking again soon makes it worse. Use another engine, for example model=sketch, or another host's address."

    def __init__(self, retry_after: int | None = None) -> None:
        sentence = "Perchance asked for a human check, which this server cannot and does not try to pass."
        super().__init__(sentence, retry_after)


class RateLimited(ServiceBlocked):
    """Raised if Perchance limits the rate of this address."""

    code = "perchance_rate_limited"
    hint = "Asking again sooner makes it worse."

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__("Perchance limits how often this server's address may ask.", retry_after)


class GenerationFailed(EngineError):
    """Raised if Perchance tried and could not make the picture."""

    code = "perchance_generation_failed"
    hint = "Ask again, perhaps with another prompt."


class StaleRequest(EngineError):
    """Raised if Perchance takes the request for an old one."""

    code = "perchance_stale_request"
    hint = "Ask again."


class RequestRefused(EngineError):
    """Raised if Perchance does not accept the request's contents."""

    code = "perchance_request_refused"
    caused_by_request = True
    hint = "Change the prompt or the other parameters."


class SiteBusy(EngineError):
    """Raised if Perchance's own machines are busy or out of its reach."""

    code = "perchance_busy"
    status = 503
    retry_after = 60
    hint = "Ask again a little later."


class RouteClosed(ServiceBlocked):
    """Raised if a route is of no use until this service is newer; every try there would end the same way."""

    status = 502
    hint = "Look for a newer version of this service, or use another engine."
    try_next_route = True
    sentence: ClassVar[str]

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__(self.sentence, retry_after)


class ClientOutdated(RouteClosed):
    """Raised if Perchance wants a newer client than this protocol's."""

    code = "perchance_client_outdated"
    sentence = "Perchance wants a newer client than the one that is used here."


class AccessCodeRequired(RouteClosed):
    """Raised if Perchance wants the code that its own page gets by showing advertisements."""

    code = "perchance_access_code_required"
    sentence = "Perchance wants a code that only its own page gets, by showing advertisements."


class PerchanceChanged(UnexpectedReply):
    """Raised if Perchance's reply is none of those that are known here."""

    code = "perchance_unexpected_reply"
    hint = "The site may have changed; look for a newer version of this service."
