"""kombu's channel to a Redis, which would end the process at a message that is none."""

import logging
from typing import Any

from kombu.transport.redis import Channel, Transport

log = logging.getLogger(__name__)


class TolerantChannel(Channel):
    """A channel that drops what is no message of Celery's, and takes the next."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # of its text, which is out of the queue
            log.warning("what is no message was in a queue, and is dropped: %s", type(error).__name__)
            return True


def tolerate_other_messages() -> None:
    """Have all connections to a Redis that are made from now on use such a channel."""
    Transport.Channel = TolerantChannel
