"""The sweep: a look at open requests, which finds what the news did not tell."""

import secrets
from collections.abc import Sequence

from redis import Redis, RedisError

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES
from image_api.dispatch.queued.losses import RESEND_SECONDS, Found, Losses, OpenRequest
from image_api.dispatch.queued.request_states import RequestState, RequestStates
from render_worker.contract import MEMORY

SWEEP_SECONDS = 1.0
BATCH = 500  # requests whose states are asked for at a time: what others ask comes between


class Sweep:
    """Looks at the same requests again and again. One caller at a time; each has its own."""

    def __init__(self, redis: Redis, states: RequestStates, broker: Broker) -> None:
        self._redis = redis
        self._states = states
        self._broker = broker
        self._losses = Losses()

    def look(self, requests: Sequence[OpenRequest]) -> list[Found]:
        """Return what has become of each request. Raises one of QUEUE_FAILURES if Redis fails."""
        try:
            self._losses.note_identity(self._identity())
            states = self._states_of(requests)
        except QUEUE_FAILURES:
            self._losses.note_absence()
            raise
        return self._losses.judge(requests, states, self._lengths(_questionable(requests, states)))

    def _lengths(self, queues: set[str]) -> dict[str, int]:
        """Return the lengths of queues; none of a broker that does not answer, which may be another than Redis."""
        try:
            return self._broker.lengths(queues) if queues else {}
        except QUEUE_FAILURES:
            return {}

    def _identity(self) -> str:
        """Return which Redis there is, with which memory, as far as it says: it may be full, or refuse INFO."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(MEMORY, secrets.token_hex(8), nx=True)
            pipeline.get(MEMORY)
            pipeline.info("server")
            _, memory, server = pipeline.execute(raise_on_error=False)
        if isinstance(memory, RedisError):
            raise memory
        return f"{memory} {server.get('run_id') if isinstance(server, dict) else None}"

    def _states_of(self, requests: Sequence[OpenRequest]) -> list[RequestState]:
        ids = [request.id for request in requests]
        batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
        return [state for batch in batches for state in self._states.states(batch)]


def _questionable(requests: Sequence[OpenRequest], states: Sequence[RequestState]) -> set[str]:
    """Return the queues whose lengths matter."""
    pairs = zip(requests, states, strict=True)
    waiting = (it for it, state in pairs if state.status == "queued" and it.waited >= RESEND_SECONDS)
    return {it.queue for it in waiting if it.queue}
