"""What one process has of the queue."""

from typing import Self

from pydantic import SecretStr
from redis import Redis

from image_api.dispatch.queued.backlog import Backlog
from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.news_reader import NewsReader
from image_api.dispatch.queued.publisher import Publisher
from image_api.dispatch.queued.queue_health import QueueHealth
from image_api.dispatch.queued.queue_names import QueueNames
from image_api.dispatch.queued.request_states import RequestStates
from image_api.dispatch.queued.sweep import Sweep
from image_api.dispatch.queued.urgent_window import UrgentWindow
from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.outbound.redis_clients import blocking_client, close_idle, quick_client
from image_api.settings import Settings


class CeleryQueue:
    """The parts of the queue that the dispatch, the jobs and the views share. Thread-safe.

    Nothing connects before it is used.
    """

    def __init__(self, redis: Redis, blocking: Redis, broker: Broker) -> None:
        """Share a quick client, and one that may block."""
        self.redis = redis
        self.blocking = blocking
        self.broker = broker
        self.states = RequestStates(redis)
        self.publisher = Publisher(self.states, broker)
        self.news = NewsReader(blocking)
        self.reports = WorkerReports(redis)
        self.names = QueueNames(self.reports)
        self.backlog = Backlog(self.names, broker)
        self.urgent = UrgentWindow(self.reports, broker)
        self.health = QueueHealth(redis, self.reports, broker)

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Return the queue that the settings configure, which have a REDIS_URL."""
        url, broker = _text(settings.redis_url), _text(settings.broker_url)
        return cls(quick_client(url), blocking_client(url), Broker(broker))

    def sweep(self) -> Sweep:
        """Return a sweep of its own for one caller."""
        return Sweep(self.redis, self.states, self.broker)

    def stop(self) -> None:
        """End the reader of news."""
        self.news.stop()

    def close(self) -> None:
        """Close the connections to Redis that are idle; what still reads news closes its own, within BLOCK_SECONDS.

        Those to the broker are in a pool of kombu's, which all of this process share that have its address.
        """
        close_idle(self.redis)
        close_idle(self.blocking)


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
