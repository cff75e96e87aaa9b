"""Checks of credentials at what knows them: each answer is cached, and concurrent checks of one are coalesced.

Of a credential nothing is kept but a keyed hash.
"""

import hmac
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from image_api.auth.account import Account
from image_api.auth.answer_cache import Answer, AnswerCache, Lifetimes, Refusal
from image_api.auth.errors import AuthUnavailable, TooManyAttempts
from image_api.auth.refusal_limit import RefusalLimit
from image_api.errors import ApiError

SLOT_SECONDS = 2.0
STALE_WAIT_SECONDS = 1.0  # that a known account waits to be checked again: a source that hangs must not hold it up


@dataclass(frozen=True, slots=True)
class Source:
    """What knows the credentials of one kind."""

    account_of: Callable[[str], Account]
    """Returns the account of a credential, or raises as Authenticator does."""
    down: str
    """The sentence for clients if it does not answer."""
    slots: int
    """Concurrent checks that it gets."""
    seconds: float
    """After which a check has ended."""


class CredentialChecks:
    """The accounts of credentials of one kind. Thread-safe; no lock is held while a check is in flight."""

    def __init__(self, source: Source, lifetimes: Lifetimes) -> None:
        self.source = source
        self.answers = AnswerCache(lifetimes)
        self._secret = secrets.token_bytes(32)
        self._refusals = RefusalLimit()
        self._in_flight: dict[bytes, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(source.slots)

    def account_of(self, credential: str, client: str | None) -> Account:
        """Return the account of a credential, as Authenticator has it."""
        key = hmac.digest(self._secret, credential.encode(), "sha256")
        answer = self.answers.get(key)
        if answer is None:
            seconds = 0 if self.answers.has_account(key) else self._refusals.seconds(client)
            if seconds:
                raise TooManyAttempts(seconds)
            answer = self._checked(key, credential, client)
        if isinstance(answer, Refusal):
            raise answer.error()
        return answer

    def _checked(self, key: bytes, credential: str, client: str | None) -> Answer:
        """Return the source's answer: that of the check in flight, or of one that begins.

        If it is late, an account that was known before is returned, and the check goes on.
        """
        stale = self.answers.stale(key)
        with self._lock:
            check = self._in_flight.get(key)
            if check is None and (answer := self.answers.get(key)):  # another check ended just now
                return answer
            first = check is None
            if check is None:
                check = self._in_flight[key] = Future()
        if first and stale:
            arguments = (key, credential, check, client)
            threading.Thread(target=self._run, args=arguments, name="credential-check", daemon=True).start()
        elif first:
            self._run(key, credential, check, client)
        try:
            return check.result(STALE_WAIT_SECONDS if stale else self.source.seconds + SLOT_SECONDS + 1)
        except TimeoutError:
            return stale or Refusal.of(AuthUnavailable(self.source.down))

    def _run(self, key: bytes, credential: str, check: "Future[Answer]", client: str | None) -> None:
        answer: Answer = Refusal.of(AuthUnavailable(self.source.down))  # also if this greenlet is killed: others wait
        was_refused = self.answers.has_refusal(key)
        try:
            answer = self.answers.add(key, self._ask(credential))
        finally:
            with self._lock:
                del self._in_flight[key]
            if isinstance(answer, Refusal) and not answer.is_failure and not was_refused:
                self._refusals.count(client)  # once for all requests with this credential
            check.set_result(answer)

    def _ask(self, credential: str) -> Answer:
        if not self._slots.acquire(timeout=SLOT_SECONDS):
            return Refusal.of(AuthUnavailable(self.source.down))
        try:
            return self.source.account_of(credential)
        except ApiError as error:
            return Refusal.of(error)
        finally:
            self._slots.release()
