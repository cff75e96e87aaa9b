"""The cache of what is known of credentials, by keyed hashes of them: accounts, refusals, and failures to find out."""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from image_api.auth.account import Account
from image_api.auth.errors import AuthUnavailable
from image_api.errors import ApiError
from render_worker.serving.deadline import Deadline

STALE_SECONDS = 600.0  # for which an account is known still if the service cannot be asked
MAX_ACCOUNTS = 10_000
MAX_REFUSALS = 10_000
"""Kept apart, so that invented credentials evict no valid one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a credential is not accepted."""

    kind: type[ApiError]
    sentence: str
    retry_after: int | None
    """Seconds after which it may be otherwise."""

    @classmethod
    def of(cls, error: ApiError) -> "Refusal":
        """Return an error as it is cached: without its traceback, which would keep what its frames hold."""
        return cls(type(error), str(error), error.body().retry_after)

    @property
    def is_failure(self) -> bool:
        """Return whether it says nothing of the credential."""
        return self.kind is AuthUnavailable

    def error(self) -> ApiError:
        """Return a new error of it."""
        return AuthUnavailable(self.sentence, self.retry_after) if self.is_failure else self.kind(self.sentence)


Answer = Account | Refusal


@dataclass(frozen=True, slots=True)
class _Known:
    answer: Answer
    fresh: Deadline
    stale: Deadline

    def present_answer(self) -> Answer:
        """Return the answer; of a failure with the seconds that are left of it."""
        if isinstance(self.answer, Refusal) and self.answer.is_failure:
            return replace(self.answer, retry_after=max(1, math.ceil(self.fresh.remaining)))
        return self.answer


@dataclass(slots=True)
class Lifetimes:
    """The seconds for which answers are fresh."""

    account: float
    """In which a credential that was revoked is accepted still."""
    refusal: float


class AnswerCache:
    """Answers by key, the least recently used evicted first. Thread-safe."""

    def __init__(
        self, lifetimes: Lifetimes, max_accounts: int = MAX_ACCOUNTS, max_refusals: int = MAX_REFUSALS
    ) -> None:
        self._lifetimes = lifetimes
        self._accounts: OrderedDict[bytes, _Known] = OrderedDict()
        self._refusals: OrderedDict[bytes, _Known] = OrderedDict()
        self._max_accounts = max_accounts
        self._max_refusals = max_refusals
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Answer | None:
        """Return the answer, None if it is unknown or not fresh any more."""
        with self._lock:
            for answers in (self._accounts, self._refusals):
                if (known := answers.get(key)) and not known.fresh.expired:
                    answers.move_to_end(key)
                    return known.present_answer()
        return None

    def has_account(self, key: bytes) -> bool:
        """Return whether the latest answer was an account, be it fresh or not."""
        return key in self._accounts

    def has_refusal(self, key: bytes) -> bool:
        """Return whether the latest answer, of the last STALE_SECONDS, was a refusal that is no failure."""
        known = self._refusals.get(key)
        return bool(
            known and not known.stale.expired and isinstance(known.answer, Refusal) and not known.answer.is_failure
        )

    def stale(self, key: bytes) -> Answer | None:
        """Return the account that counts while the service does not answer, fresh or not; None if there is none."""
        with self._lock:
            known = self._accounts.get(key)
            return known.answer if known and not known.stale.expired else None

    def add(self, key: bytes, answer: Answer) -> Answer:
        """Keep an answer, and return what counts: a stale account if the new answer says nothing of the credential."""
        with self._lock:
            if isinstance(answer, Account):
                self._refusals.pop(key, None)
                _put(self._accounts, key, answer, self._lifetimes.account, self._max_accounts)
                return answer
            seconds = (answer.retry_after or 0) if answer.is_failure else self._lifetimes.refusal
            if answer.is_failure and (known := self._accounts.get(key)) and not known.stale.expired:
                self._accounts[key] = _Known(known.answer, Deadline.after(seconds), known.stale)
                return known.answer
            self._accounts.pop(key, None)
            _put(self._refusals, key, answer, seconds, self._max_refusals)
            return answer


def _put(answers: "OrderedDict[bytes, _Known]", key: bytes, answer: Answer, seconds: float, maximum: int) -> None:
    answers[key] = _Known(answer, Deadline.after(seconds), Deadline.after(STALE_SECONDS))
    answers.move_to_end(key)
    if len(answers) > maximum:
        answers.popitem(last=False)
