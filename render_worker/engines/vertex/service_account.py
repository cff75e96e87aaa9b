"""Access tokens of a Google service account.

Its key signs an assertion, for which Google's token endpoint issues a token of an hour (RFC 7523). google-auth signs;
its own `refresh` would fetch the token in a thread, which runs on after a cancelled request, through the environment's
proxies.
"""

import asyncio
import json
import math
import os
import re
import time
from pathlib import Path
from typing import Any

import httpx

from render_worker.errors import EngineBusy, EngineNotConfigured, EngineUnauthorized, PhaseTimeout, UnexpectedReply
from render_worker.outbound.client import AS_IT_IS

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 3600  # the longest that Google accepts
SIGN_IN_SECONDS = 20.0
NO_FILE = "The file of GOOGLE_APPLICATION_CREDENTIALS cannot be read."
DIGITS = re.compile(r"[0-9]{1,9}")
MARGIN_SECONDS = 300  # a token is not used this shortly before it expires: a picture takes its time


class ServiceAccount:
    """One key file, which is read when the first token is needed."""

    def __init__(self, key_file: Path, seconds: float) -> None:
        self._key_file = key_file
        self._seconds = min(seconds, SIGN_IN_SECONDS)
        self._lock = asyncio.Lock()
        self._token, self._expires = "", 0.0

    def check(self) -> None:
        """Raise EngineNotConfigured if the file cannot be read; the first token shows whether it is a key."""
        if not os.access(self._key_file, os.R_OK):
            raise EngineNotConfigured(NO_FILE)

    async def token(self, http: httpx.AsyncClient) -> str:
        """Return a token that is valid for some minutes at least; concurrent calls share one request (single-flight).

        Raises PhaseTimeout if the token endpoint does not reply in time.
        """
        try:
            async with asyncio.timeout(self._seconds), self._lock:  # waiting for another sign-in counts too
                if not self.has_token():
                    await self._sign_in(http)
                return self._token
        except TimeoutError:
            raise PhaseTimeout(f"Google's token endpoint did not answer within {self._seconds:g} seconds.") from None

    def has_token(self) -> bool:
        """Return whether the token is still valid."""
        return time.monotonic() < self._expires

    def forget(self) -> None:
        """Drop the token, although it has not expired: Google refused it."""
        self._expires = 0.0

    async def _sign_in(self, http: httpx.AsyncClient) -> None:
        endpoint, assertion = await asyncio.to_thread(self._assertion)
        form = {"grant_type": GRANT, "assertion": assertion}
        self._token, seconds = _read_token(await http.post(endpoint, data=form, headers=AS_IT_IS))
        self._expires = time.monotonic() + seconds - MARGIN_SECONDS

    def _assertion(self) -> tuple[str, str]:
        """Return the token endpoint's address and the signed assertion. Raises EngineNotConfigured for a bad file."""
        from google.auth import crypt, jwt

        try:
            key = json.loads(self._key_file.read_bytes())
            signer = crypt.RSASigner.from_service_account_info(key)  # type: ignore[no-untyped-call]
            now, endpoint = int(time.time()), str(httpx.URL(key["token_uri"]))
            claims = {"iss": key["client_email"], "scope": SCOPE, "aud": endpoint, "iat": now}
            signed: bytes = jwt.encode(signer, claims | {"exp": now + LIFETIME_SECONDS})  # type: ignore[no-untyped-call]
        except OSError:
            raise EngineNotConfigured(NO_FILE) from None
        except (ValueError, TypeError, LookupError, httpx.InvalidURL):  # without a word of the file
            raise EngineNotConfigured("GOOGLE_APPLICATION_CREDENTIALS is no service account's key file.") from None
        return endpoint, signed.decode()


def _read_token(reply: httpx.Response) -> tuple[str, int]:
    """Return the token in a reply and its life in seconds. Raises an EngineError if there is none."""
    if reply.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise EngineUnauthorized("Google does not accept the key of this server's service account.")
    if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise EngineBusy(f"Google's token endpoint answered HTTP {reply.status_code}.")
    grant: Any = reply.json() if reply.status_code == httpx.codes.OK else None
    token = grant.get("access_token") if isinstance(grant, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise UnexpectedReply(f"Google's token endpoint answered HTTP {reply.status_code} without a token.")
    return token, _lifetime(grant.get("expires_in"))


def _lifetime(value: object) -> int:
    """Return the seconds of a number or its digits; 0 if it is neither."""
    if isinstance(value, str) and DIGITS.fullmatch(value):
        value = int(value)
    return int(min(value, LIFETIME_SECONDS)) if isinstance(value, int | float) and 0 < value < math.inf else 0
