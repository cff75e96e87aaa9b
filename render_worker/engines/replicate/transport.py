"""The HTTP transport below Replicate's client library: every exchange has limits, every refusal is an EngineError.

The library, 1.0.7, sends a creation without a timeout, reads replies of any size, retries for as long as a reply says,
and fails at errors that are no JSON object. The transport stops each of these before the library sees it.

Refusals are `{"title", "detail", "status"}`, a throttled request's `{"detail"}` alone (replicate.com/docs, "Rate
limits"); the texts of a 402, a 404 and a 422 are as public issue threads of 2023 to 2026 quote them.
"""

import asyncio
import json
import re
from collections.abc import Mapping

import httpx

from render_worker.errors import (
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    NotConnected,
    PhaseTimeout,
    QuotaExhausted,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import json_object, read_body, retry_after

MAX_REPLY_BYTES = 16 * 1024 * 1024  # a reply may hold its picture as a data: URL
CONNECT_SECONDS = 5.0
EMPTY_ACCOUNT_SECONDS = 3600  # it has to be paid first
DEFAULT_RETRY_AFTER_SECONDS = 60  # if a reply does not say
MAX_RETRY_AFTER_SECONDS = 86_400
CANCEL_AFTER = "5m"  # replicate.com/changelog/2025-10-16-prediction-deadlines; our clients seldom wait longer
MIN_HIDDEN_CHARACTERS = 4  # characters; a shorter text is in every sentence by chance
RESETS = re.compile(r"resets in ~?(\d{1,9})\s?s")
PREDICTION_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Transport(httpx.AsyncBaseTransport):
    """Sends a request within a timeout; returns only successes that hold a JSON object."""

    created: str | None = None
    """The id of the prediction that it created, even if the library cannot read the reply."""

    def __init__(self, seconds: float, secrets: tuple[str, ...]) -> None:
        """Make a transport whose timeout is `seconds`; its errors never quote `secrets`."""
        self._seconds = seconds
        self._secrets = secrets
        self._client = http_client(seconds)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request once and return the reply. Raises an EngineError for everything but a JSON object."""
        request.headers.update(AS_IT_IS)
        creates = request.method == "POST" and request.url.path.endswith("/predictions")
        if creates:
            request.headers["Cancel-After"] = CANCEL_AFTER  # in case this worker dies before it can cancel it
        reply, body = await self._exchange(request)
        document = json_object(body)
        if not reply.is_success:
            raise _error_of_reply(reply, document or {}, request.url.path, self._secrets)
        if document is None:
            raise UnexpectedReply("Replicate answered something else than a JSON object.")
        if creates:
            self.created = _prediction_id(document)
        if document.get("status") == "aborted":  # newer than the library, which refuses to read it
            body = json.dumps({**document, "status": "canceled"}).encode()
        return httpx.Response(reply.status_code, content=body)

    async def _exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Return the reply and its body, whatever it says."""
        limits = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
        request.extensions = {**request.extensions, "timeout": limits.as_dict()}
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send_bounded(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotConnected("Replicate cannot be reached.") from error
        except (TimeoutError, httpx.TimeoutException):
            raise PhaseTimeout(f"Replicate did not answer within {self._seconds:g} seconds.") from None
        except httpx.HTTPError as error:
            raise EngineUnreachable("The connection to Replicate broke off.") from error

    async def _send_bounded(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        reply = await self._client.send(request, stream=True, follow_redirects=False)  # the token goes nowhere else
        try:
            return reply, await read_body(reply, MAX_REPLY_BYTES, _too_large)
        finally:
            await reply.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _too_large() -> UnexpectedReply:
    return UnexpectedReply(f"Replicate answered more than {MAX_REPLY_BYTES // 2**20} MiB.")


def quoted(text: object, secrets: tuple[str, ...]) -> str:
    """Return a service's words as the end of a sentence, the secrets in them hidden; "." if there are none."""
    words = " ".join(text.split()) if isinstance(text, str) else ""
    for secret in secrets:
        if len(secret) >= MIN_HIDDEN_CHARACTERS:
            words = words.replace(" ".join(secret.split()), "…")
    words = repeatable(words, secrets=secrets)
    return f': "{words}".' if words else "."


def _error_of_reply(
    reply: httpx.Response, document: dict[str, object], path: str, secrets: tuple[str, ...]
) -> EngineError:
    status = reply.status_code
    message = quoted(document.get("detail") or document.get("title"), secrets)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(f"Replicate does not accept this worker's token{message}")
    if status == httpx.codes.PAYMENT_REQUIRED:
        return QuotaExhausted("The account at Replicate has no credit left.", EMPTY_ACCOUNT_SECONDS)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = _wait_seconds(reply.headers, document)
        return EngineRateLimited("Replicate limits how often this worker may ask.", seconds)
    if status == httpx.codes.NOT_FOUND and "/models/" in path:
        return EngineNotConfigured("Replicate runs no such model; REPLICATE_MODELS takes owner/name:version for most.")
    return _error_of_status(status, message)


def _error_of_status(status: int, message: str) -> EngineError:
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        return RequestInvalid(f"Replicate refused the request's parameters{message}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return EngineBusy(f"Replicate answered HTTP {status}{message}")
    return UnexpectedReply(f"Replicate answered HTTP {status}{message}")


def _wait_seconds(headers: Mapping[str, str], document: dict[str, object]) -> int:
    """Return the seconds that the header names, or else the text, a day at most."""
    detail = document.get("detail")
    in_words = RESETS.search(detail) if isinstance(detail, str) else None
    for value in (headers.get("retry-after"), in_words and in_words[1]):
        if (seconds := retry_after(value, MAX_RETRY_AFTER_SECONDS)) is not None:
            return max(1, seconds)
    return DEFAULT_RETRY_AFTER_SECONDS


def _prediction_id(document: dict[str, object]) -> str | None:
    prediction_id = document.get("id")
    return prediction_id if isinstance(prediction_id, str) and PREDICTION_ID.fullmatch(prediction_id) else None
