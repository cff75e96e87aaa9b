"""kombu's channel to a Redis, which would end the process at a message that is none, or as Redis goes away."""

import logging
from typing import Any

from kombu.transport.redis import Channel, QoS, Transport
from redis import RedisError

log = logging.getLogger(__name__)


class _TolerantQoS(QoS):
    """The messages that are not acknowledged; if they cannot be given back, they are sent again in time."""

    def restore_unacked(self, client: Any = None) -> None:
        """Give messages back as the channel is closed."""
        try:
            super().restore_unacked(client)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - kombu's own faults too, at which Celery would end
            log.warning("unacknowledged messages cannot be given back: %s", type(error).__name__)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, unless its connection was lost since: then it is delivered again, and refused."""
        if self.channel.connection is not None:  # kombu would raise AttributeError, at which Celery ends
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message likewise."""
        if self.channel.connection is not None:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]

    def restore_visible(self, start: int = 0, num: int = 10, interval: int = 10) -> None:
        """Give back messages of others that have gone, unless Redis takes no call; this is called again in time."""
        try:
            super().restore_visible(start, num, interval)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:  # Celery would forget the connection that it makes, and leave it open
            log.warning("messages of others cannot be given back: %s", type(error).__name__)


class TolerantChannel(Channel):
    """A channel that drops what is no message of Celery's, and takes the next."""

    QoS = _TolerantQoS

    def close(self) -> None:
        """Close the channel with all its connections, also if Redis refuses what is said to it before."""
        try:
            super().close()  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            log.warning("a channel is closed at once: %s", type(error).__name__)
            self.closed = True
            if self.connection is not None:
                self.connection.close_channel(self)
        finally:
            self._disconnect_pools()  # type: ignore[no-untyped-call]  # kombu connects again as it gives back

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:  # at which kombu would raise AttributeError
            raise ConnectionError("this channel is closed")
        return super()._connparams(asynchronous)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # of its text, which is out of the queue
            log.warning("what is no message was in a queue, and is dropped: %s", type(error).__name__)
            return True


def be_tolerant() -> None:
    """Have all connections to a Redis that are made from now on use such a channel."""
    Transport.Channel = TolerantChannel
