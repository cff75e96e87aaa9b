"""A Celery worker's side of the queue, step by step: it takes messages, and says what the test wants of them."""

import base64
import json
import time
from typing import Any

from redis import Redis

from render_worker.contract import (
    NEWS_FIELD,
    PROGRESS,
    ErrorBody,
    ErrorLine,
    GenerateResult,
    Progress,
    QueuedRequest,
    QueueProgress,
    ResultLine,
    queue_key,
)
from render_worker.queued.claims import Claim, Claims
from tests.api.conftest import RESULT
from tests.fakes.processes import PATIENCE_SECONDS, wait_until

HELD_SECONDS = 60  # for which a claim is held that nothing renews


class CelerySide:
    """Takes messages as Celery does, urgent ones first, and keeps their claims."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.claims = Claims(redis, "celery@tests", "token")

    def take(self, queue: str = "auto", seconds: float = PATIENCE_SECONDS) -> QueuedRequest:
        """Take the next message of a queue, as soon as there is one."""
        found: list[Any] = []
        keys = [queue, f"{queue}\x06\x163"]
        wait_until(
            lambda: found.append(self.redis.brpop(keys, timeout=1)) or found[-1], f"a message in {queue}", seconds
        )
        [text], _, _ = json.loads(base64.b64decode(json.loads(found[-1][1])["body"]))
        return QueuedRequest.model_validate_json(text)

    def begin(self, queue: str = "auto", seconds: float = PATIENCE_SECONDS, attempt: int = 1) -> QueuedRequest:
        """Take messages until one is to be made, not of an earlier attempt, and claim it; its lease does not lapse."""
        while True:
            message = self.take(queue, seconds)
            if message.attempt >= attempt and self._claimed(message):
                self.redis.expire(queue_key(message.request.request_id, "lease"), HELD_SECONDS)
                return message

    def refuses_the_rest(self, queue: str = "auto") -> bool:
        """Take what waits, and return whether none of it is to be made: on a slow machine a message may come twice."""
        while self.redis.llen(queue) or self.redis.llen(f"{queue}\x06\x163"):
            if self._claimed(self.take(queue)):
                return False
        return True

    def _claimed(self, message: QueuedRequest) -> bool:
        """Claim a message's request as another Celery worker than the one that makes it, if one does."""
        holder = self.redis.get(queue_key(message.request.request_id, "lease"))
        is_made = holder and int(holder.rpartition(b":")[2]) >= message.attempt
        return not is_made and self.claims.claim(message)[0] == "go"

    def make(self, message: QueuedRequest, **changes: object) -> bool:
        """End a request with a picture."""
        result = GenerateResult.model_validate({**RESULT, "request_id": message.request.request_id, **changes})
        return self.claims.finish(claim_of(message), ResultLine(result=result))

    def fail(self, message: QueuedRequest, status: int, code: str, **changes: Any) -> bool:
        """End a request with an error."""
        body = ErrorBody(error="It failed.", code=code, request_id=message.request.request_id, **changes)
        return self.claims.finish(claim_of(message), ErrorLine(status=status, error=body))

    def progress(self, message: QueuedRequest, text: str, preview: str | None = None) -> None:
        """Tell of a progress."""
        if preview:
            self.redis.set(queue_key(message.request.request_id, "preview"), preview, ex=60)
        told = QueueProgress(
            id=message.request.request_id,
            attempt=message.attempt,
            progress=Progress(phase="generating", message=text),
            has_preview=True if preview else None,
        )
        self.redis.xadd(PROGRESS, {NEWS_FIELD: told.model_dump_json(exclude_none=True)})

    def die(self, message: QueuedRequest) -> None:
        """Have the lease of a request lapse, as if what makes it was killed a while ago."""
        self.redis.delete(queue_key(message.request.request_id, "lease"))

    def renew_until(self, message: QueuedRequest, expected: str, seconds: float = 3.0) -> float:
        """Renew the lease until it comes to that; return the seconds taken."""
        begun = time.monotonic()
        while self.claims.renew([claim_of(message)]) != [expected]:
            assert time.monotonic() - begun < seconds, f"the lease did not become {expected}"
            time.sleep(0.05)
        return time.monotonic() - begun


def claim_of(message: QueuedRequest) -> Claim:
    """Return the claim of a message."""
    return Claim(message.request.request_id, message.attempt)
