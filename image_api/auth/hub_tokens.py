"""AUTH=huggingface: access tokens of the Hub, checked there at most once in a while each.

The Hub limits the rate of these checks. So its answers are cached, refusals as well, and concurrent checks of one token
are coalesced (single-flight). Of a token nothing is kept but a keyed hash.
"""

import hmac
import re
import secrets
import threading
from concurrent.futures import Future

from image_api.auth.account import Account
from image_api.auth.answer_cache import Answer, AnswerCache, Refusal
from image_api.auth.errors import AuthUnavailable, InvalidCredential, TooManyAttempts
from image_api.auth.hub_client import CHECK_SLOTS, DOWN, TOTAL_SECONDS, HubClient
from image_api.auth.refusal_limit import RefusalLimit
from image_api.errors import ApiError

TOKEN = re.compile(r"hf_[A-Za-z0-9._~+/=-]{1,4000}")  # those of OAuth are JSON Web Tokens
OTHER_TEXT = "The bearer token is not an access token of the Hugging Face Hub: those begin with hf_."
SLOT_SECONDS = 2.0
WAIT_SECONDS = TOTAL_SECONDS + SLOT_SECONDS + 1.0
STALE_WAIT_SECONDS = 1.0  # that a known account waits to be checked again: a Hub that hangs must not hold it up


class HubTokens:
    """The accounts of access tokens of the Hub. Thread-safe; no lock is held while a check is in flight."""

    wanted = "an access token of the Hugging Face Hub with read access, as Authorization: Bearer hf_…"

    def __init__(self, url: str, admins: tuple[str, ...]) -> None:
        """Take the Hub's address, and the names of users that are admins here."""
        self._client = HubClient(url, admins)
        self._secret = secrets.token_bytes(32)
        self._answers = AnswerCache()
        self._refusals = RefusalLimit()
        self._checks: dict[bytes, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(CHECK_SLOTS)

    def account_of(self, credential: str, client: str | None) -> Account:
        """Return the account of an access token, as Authenticator has it."""
        if not TOKEN.fullmatch(credential):
            raise InvalidCredential(OTHER_TEXT)
        key = hmac.digest(self._secret, credential.encode(), "sha256")
        answer = self._answers.get(key)
        if answer is None:
            seconds = 0 if self._answers.has_account(key) else self._refusals.seconds(client)
            if seconds:
                raise TooManyAttempts(seconds)
            answer = self._checked(key, credential, client)
        if isinstance(answer, Refusal):
            raise answer.error()
        return answer

    def _checked(self, key: bytes, token: str, client: str | None) -> Answer:
        """Return the Hub's answer: that of the check in flight, or of one that begins.

        If it is late, an account that was known before is returned, and the check goes on.
        """
        stale = self._answers.stale(key)
        with self._lock:
            check = self._checks.get(key)
            if check is None and (answer := self._answers.get(key)):  # another check ended just now
                return answer
            first = check is None
            if check is None:
                check = self._checks[key] = Future()
        if first and stale:
            arguments = (key, token, check, client)
            threading.Thread(target=self._run_check, args=arguments, name="token-check", daemon=True).start()
        elif first:
            self._run_check(key, token, check, client)
        try:
            return check.result(STALE_WAIT_SECONDS if stale else WAIT_SECONDS)
        except TimeoutError:
            return stale or Refusal.of(AuthUnavailable(DOWN))

    def _run_check(self, key: bytes, token: str, check: "Future[Answer]", client: str | None) -> None:
        answer: Answer = Refusal.of(AuthUnavailable(DOWN))  # also if this greenlet is killed: others wait for it
        try:
            answer = self._answers.add(key, self._ask(token))
        finally:
            with self._lock:
                del self._checks[key]
            if isinstance(answer, Refusal) and not answer.is_failure:
                self._refusals.count(client)  # once for all requests with this token
            check.set_result(answer)

    def _ask(self, token: str) -> Answer:
        if not self._slots.acquire(timeout=SLOT_SECONDS):
            return Refusal.of(AuthUnavailable(DOWN))
        try:
            return self._client.account_of(token)
        except ApiError as error:
            return Refusal.of(error)
        finally:
            self._slots.release()
