"""A Google service account: the tokens that its key file brings.

The key signs a statement, for which Google's token endpoint gives a token of an hour (RFC 7523). google-auth signs; its
own `refresh` would ask for the token in a thread, which goes on when a request is cancelled, and by the environment's
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
MARGIN_SECONDS = 300  # a token is not used this shortly before its end, for a picture takes its time


class ServiceAccount:
    """One key file. It is read when the first token is needed."""

    def __init__(self, key_file: Path, seconds: float) -> None:
        self._key_file = key_file
        self._seconds = min(seconds, SIGN_IN_SECONDS)
        self._lock = asyncio.Lock()
        self._token, self._ends = "", 0.0

    def check(self) -> None:
        """Raise EngineNotConfigured where the file cannot be read; what is in it the first token shows."""
        if not os.access(self._key_file, os.R_OK):
            raise EngineNotConfigured(NO_FILE)

    async def token(self, http: httpx.AsyncClient) -> str:
        """A token that is good for some minutes at least; callers at the same time share one request for it."""
        try:
            async with asyncio.timeout(self._seconds), self._lock:  # whoever waits for the others' sign-ins waits in it
                if not self.has_token():
                    await self._sign_in(http)
                return self._token
        except TimeoutError:
            raise PhaseTimeout(f"Google's token endpoint did not answer within {self._seconds:g} seconds.") from None

    def has_token(self) -> bool:
        """Whether the token that was got before is still good."""
        return time.monotonic() < self._ends

    def forget(self) -> None:
        """The token is no good any more, whatever its time says."""
        self._ends = 0.0

    async def _sign_in(self, http: httpx.AsyncClient) -> None:
        endpoint, assertion = await asyncio.to_thread(self._assertion)
        form = {"grant_type": GRANT, "assertion": assertion}
        self._token, seconds = _granted(await http.post(endpoint, data=form, headers=AS_IT_IS))
        self._ends = time.monotonic() + seconds - MARGIN_SECONDS

    def _assertion(self) -> tuple[str, str]:
        """The token endpoint's address, and the signed statement to send there."""
        from google.auth import crypt, jwt

        try:
            key = json.loads(self._key_file.read_bytes())
            signer = crypt.RSASigner.from_service_account_info(key)  # type: ignore[no-untyped-call]
            now, endpoint = int(time.time()), str(httpx.URL(key["token_uri"]))
            claims = {"iss": key["client_email"], "scope": SCOPE, "aud": endpoint, "iat": now}
            signed: bytes = jwt.encode(signer, claims | {"exp": now + LIFETIME_SECONDS})  # type: ignore[no-untyped-call]
        except OSError:
            raise EngineNotConfigured(NO_FILE) from None
        except (ValueError, TypeError, LookupError, httpx.InvalidURL):  # and no word of what is in it
            raise EngineNotConfigured("GOOGLE_APPLICATION_CREDENTIALS is no service account's key file.") from None
        return endpoint, signed.decode()


def _granted(reply: httpx.Response) -> tuple[str, int]:
    """The token in a reply, and for how many seconds it is good."""
    if reply.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise EngineUnauthorized("Google does not accept the key of this server's service account.")
    if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise EngineBusy(f"Google's token endpoint answered HTTP {reply.status_code}.")
    grant: Any = reply.json() if reply.status_code == httpx.codes.OK else None
    token = grant.get("access_token") if isinstance(grant, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise UnexpectedReply(f"Google's token endpoint answered HTTP {reply.status_code} without a token.")
    return token, _lifetime(grant.get("expires_in"))


def _lifetime(told: object) -> int:
    """Seconds, however they were written down; 0 where they are none."""
    if isinstance(told, str) and DIGITS.fullmatch(told):
        told = int(told)
    return int(min(told, LIFETIME_SECONDS)) if isinstance(told, int | float) and 0 < told < math.inf else 0
