"""The sender of webhooks: sends what is due, some to each host at a time, and tries again what was not delivered."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

from image_api.jobs.delivery import Delivery, DeliveryAttempt
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.job import Job
from image_api.jobs.webhooks.client import Reply, WebhookClient
from image_api.jobs.webhooks.deliveries import LEASE_SECONDS, Claimed, Deliveries, Room
from image_api.jobs.webhooks.message import Signer
from render_worker.serving.deadline import Deadline

MAX_IN_FLIGHT = 64
MAX_RETRIES_IN_FLIGHT = 32
MAX_PER_HOST = 4
POLL_SECONDS = 5.0  # for what other processes have left
PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 34_200)  # seconds between attempts, 23 hours in all
GIVE_UP_SECONDS = 24 * 3600  # after the first attempt: a receiver's Retry-After stretches the pauses
JITTER = 0.2  # of a pause, to both sides
RECORD_AGAIN_SECONDS = 1.0
UNWRITABLE = "The webhook could not be written."

log = logging.getLogger(__name__)


class WebhookSender:
    """Sends the deliveries of the database. Thread-safe. A receiver that is down or slow holds up its own alone."""

    def __init__(
        self,
        deliveries: Deliveries,
        client: WebhookClient,
        signer: Signer,
        body_of: Callable[[Delivery, Job], str],
    ) -> None:
        self._deliveries = deliveries
        self._client = client
        self._signer = signer
        self._body_of = body_of
        self._holder = uuid4().hex
        self._in_flight: Counter[str] = Counter()
        self._retries = 0
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = False

    def start(self) -> None:
        """Begin to send, in the background."""
        threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def wake(self) -> None:
        """Look at once for what is due: a job has ended."""
        self._woken.set()

    def stop(self) -> None:
        """Send nothing more. What is being sent may end; if it does not, it is sent again after its lease."""
        self._stopping = True
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                pause = self._send_due()
            except DatabaseUnavailable:
                pause = POLL_SECONDS
            except Exception:  # a bug must not end the loop: no webhook would be sent any more
                log.exception("webhooks are not sent for a moment")
                pause = POLL_SECONDS
            self._woken.wait(pause)

    def _send_due(self) -> float:
        """Begin to send all that is due, as far as there is room, and return the seconds until there may be more."""
        while not self._stopping:
            room = self._room()
            seconds = self._deliveries.seconds_until_due(room.full_hosts) if room.slots else None
            if seconds is None or seconds > 0:
                return POLL_SECONDS if seconds is None else min(POLL_SECONDS, seconds)
            claimed = self._deliveries.claim(self._holder, room)
            for each in claimed:
                self._begin(each)
            if not claimed:
                return POLL_SECONDS  # for retries there is no room, or another process was faster
        return 0

    def _room(self) -> Room:
        with self._lock:
            return Room(
                slots=MAX_IN_FLIGHT - self._in_flight.total(),
                retries=MAX_RETRIES_IN_FLIGHT - self._retries,
                per_host=MAX_PER_HOST,
                in_flight=dict(self._in_flight),
            )

    def _begin(self, claimed: Claimed) -> None:
        lease = Deadline.after(LEASE_SECONDS)
        with self._lock:
            self._in_flight[claimed.delivery.host] += 1
            self._retries += claimed.is_retry
        threading.Thread(target=self._send, args=(claimed, lease), name="webhook", daemon=True).start()

    def _send(self, claimed: Claimed, lease: Deadline) -> None:
        try:
            at, begun = time.time(), time.monotonic()
            reply = self._attempt(claimed, at)
            attempt = DeliveryAttempt(at, round(time.monotonic() - begun, 3), reply.status_code, reply.reason)
            self._record(claimed, attempt, reply, lease)
        finally:
            with self._lock:
                self._in_flight[claimed.delivery.host] -= 1
                self._in_flight += Counter()  # without those of none
                self._retries -= claimed.is_retry
            self._woken.set()

    def _attempt(self, claimed: Claimed, at: float) -> Reply:
        try:
            body = self._body_of(claimed.delivery, claimed.job)
            headers = self._signer.headers(claimed.delivery.message_id, body, at)
        except Exception:  # a bug is this delivery's end: without a reply it would be claimed again and again
            log.exception("a webhook could not be written")
            return Reply(reason=UNWRITABLE)
        return self._client.post(claimed.job.webhook_url or "", body, headers)

    def _record(self, claimed: Claimed, attempt: DeliveryAttempt, reply: Reply, lease: Deadline) -> None:
        """Keep an attempt, as soon as the database can be used; after the lease it is sent again anyway."""
        while True:
            try:
                self._keep(claimed, attempt, reply)
                return
            except DatabaseUnavailable:
                if lease.expired:
                    return
                time.sleep(RECORD_AGAIN_SECONDS)

    def _keep(self, claimed: Claimed, attempt: DeliveryAttempt, reply: Reply) -> None:
        held = claimed.delivery
        if attempt.reason is None:
            self._deliveries.record(held, self._holder, attempt, "delivered")
        elif reply.is_gone or len(held.attempts) >= len(PAUSES) or _is_late(held, attempt):
            self._deliveries.record(held, self._holder, attempt, "failed")
        else:
            pause = PAUSES[len(held.attempts)] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
            self._deliveries.record(held, self._holder, attempt, "pending", max(pause, reply.retry_after))


def _is_late(held: Delivery, attempt: DeliveryAttempt) -> bool:
    """Return whether an attempt is the last for having been made a day after the first."""
    return bool(held.attempts) and attempt.at - held.attempts[0].at >= GIVE_UP_SECONDS
