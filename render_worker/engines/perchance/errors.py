"""What only Perchance does, each with its stable code, its HTTP status and its sentence.

EngineError
├── VerificationRequired     503 perchance_verification_required (a Wall)
├── RateLimited              503 perchance_rate_limited (a Wall)
├── GenerationFailed         502 perchance_generation_failed
├── StaleRequest             502 perchance_stale_request
├── RequestRefused           502 perchance_request_refused
├── SiteBusy                 503 perchance_busy
├── ClientOutdated           502 perchance_client_outdated
├── AccessCodeRequired       502 perchance_access_code_required
└── PerchanceChanged         502 perchance_unexpected_reply (an UnexpectedReply)
"""

from render_worker.errors import EngineError, ServiceBlocked, UnexpectedReply


class VerificationRequired(ServiceBlocked):
    """Perchance wants to see a human; this server is none and does not pretend."""

    code = "perchance_verification_required"
    hint = "Asking again soon makes it worse. Use another engine, for example model=sketch, or another host's address."

    def __init__(self, retry_after: int | None = None) -> None:
        sentence = "Perchance asked for a human check, which this server cannot and does not try to pass."
        super().__init__(sentence, retry_after)


class RateLimited(ServiceBlocked):
    """Perchance has had enough requests from this address for now."""

    code = "perchance_rate_limited"
    hint = "Asking again sooner makes it worse."

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__("Perchance limits how often this server's address may ask.", retry_after)


class GenerationFailed(EngineError):
    """Perchance tried and could not make the picture."""

    code = "perchance_generation_failed"
    hint = "Ask again, perhaps with another prompt."


class StaleRequest(EngineError):
    """Perchance takes the request for an old one."""

    code = "perchance_stale_request"
    hint = "Ask again."


class RequestRefused(EngineError):
    """Perchance does not accept the request's contents."""

    code = "perchance_request_refused"
    caused_by_request = True
    hint = "Change the prompt or the other parameters."


class SiteBusy(EngineError):
    """Perchance's own machines are busy or out of its reach."""

    code = "perchance_busy"
    status = 503
    retry_after = 60
    hint = "Ask again a little later."


class ClientOutdated(EngineError):
    """Perchance wants a newer client than the protocol that is spoken here."""

    code = "perchance_client_outdated"
    hint = "Look for a newer version of this service."
    try_next_route = True


class AccessCodeRequired(EngineError):
    """Perchance wants the code that its own page gets by showing advertisements."""

    code = "perchance_access_code_required"
    hint = "Look for a newer version of this service."
    try_next_route = True


class PerchanceChanged(UnexpectedReply):
    """Perchance answered something that nobody here knows."""

    code = "perchance_unexpected_reply"
    hint = "The site may have changed; look for a newer version of this service."
