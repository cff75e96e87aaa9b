"""The request that carries a webhook, behind the SSRF guard, and what its response means."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from http.client import HTTPException

import requests
import urllib3
from urllib3.exceptions import ProtocolError

from image_api.outbound.bounds import retry_after
from image_api.outbound.pinned_connection import PublicSession
from image_api.outbound.public_hosts import NotPublic
from image_api.outbound.time_limit import time_limit
from render_worker.contract import VERSION

CONNECT_SECONDS = 5.0  # for the look-up, the connection and TLS, each
ANSWER_SECONDS = 15.0  # the least that Standard Webhooks recommends
ATTEMPT_SECONDS = 25.0  # in all
MAX_RETRY_AFTER = 6 * 3600
MAX_DATE = 40  # characters
HEADERS = {
    "User-Agent": f"image-generation-api/{VERSION}",
    "Content-Type": "application/json",
    "Connection": "close",  # one that is kept may be closed just when the next webhook is sent
}
GONE = 410
DELIVERED = range(200, 300)
REDIRECTS = range(300, 400)
NO_PUBLIC_HOST = "The host is no public one, or its name leads nowhere."
NO_CONNECTION = "The host refused the connection, or broke it off."
NO_TLS = "The host has no valid certificate for its name, or speaks no TLS."
TOO_LATE = "The host did not answer in time."
INVALID = "The host did not answer by valid HTTP."


@dataclass(frozen=True)
class Reply:
    """What an attempt came to."""

    status_code: int | None = None
    reason: str | None = None
    """Why it did not deliver; None if it did."""
    retry_after: int = 0
    """Seconds that the receiver asks to be left alone for."""

    @property
    def is_gone(self) -> bool:
        """Return whether the receiver wants no more webhooks: by the standard that is what 410 says."""
        return self.status_code == GONE


class WebhookClient:
    """Sends webhooks to public hosts, and to the operator's WEBHOOK_ORIGINS. Thread-safe."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._session = PublicSession(origins)

    def post(self, url: str, body: str, headers: Mapping[str, str]) -> Reply:
        """Send a webhook once, and return what came of it. No redirect is followed, and no body is read."""
        if not self._session.urls.allows(url):  # WEBHOOK_ORIGINS may have changed since it was submitted
            return Reply(reason=NO_PUBLIC_HOST)
        try:
            with time_limit(ATTEMPT_SECONDS), self._sent(url, body, headers) as response:
                return _reply(response)
        except NotPublic:
            return Reply(reason=NO_PUBLIC_HOST)
        except (requests.Timeout, TimeoutError):
            return Reply(reason=TOO_LATE)
        except requests.exceptions.SSLError:
            return Reply(reason=NO_TLS)
        except (requests.ConnectionError, OSError) as error:
            return Reply(reason=INVALID if _is_of_answer(error) else NO_CONNECTION)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
            return Reply(reason=INVALID)

    def _sent(self, url: str, body: str, headers: Mapping[str, str]) -> requests.Response:
        return self._session.post(
            url,
            data=body.encode(),
            headers={**HEADERS, **headers},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            stream=True,
            allow_redirects=False,
        )


def _reply(response: requests.Response) -> Reply:
    status = response.status_code
    if status in DELIVERED:
        return Reply(status)
    if status in REDIRECTS:
        return Reply(status, f"The host answered with a redirect (HTTP {status}), which is not followed.")
    return Reply(status, f"The host answered HTTP {status}.", _seconds_to_wait(response))


def _is_of_answer(error: Exception) -> bool:
    """Return whether an error is about what the host answered, which requests takes for one of the connection.

    Where no answer came at all, the cause is an OSError too.
    """
    problem = error.args[0] if error.args else None
    cause = problem.args[-1] if isinstance(problem, ProtocolError) else None
    return isinstance(cause, HTTPException) and not isinstance(cause, OSError)


def _seconds_to_wait(response: requests.Response) -> int:
    """Return the seconds of a Retry-After header, up to MAX_RETRY_AFTER; it may be a date. 0 if there is none."""
    date = parsedate_tz(response.headers.get("Retry-After", "")[:MAX_DATE])
    if date is None:
        return retry_after(response, MAX_RETRY_AFTER)
    try:
        return max(0, min(MAX_RETRY_AFTER, int(mktime_tz(date) - time.time())))
    except (ValueError, OverflowError):  # it is no date that exists
        return 0
