"""Publishing: a request is announced, its image put there, and its message sent, in this order."""

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import reaching_queue
from image_api.dispatch.queued.request_states import Announced, RequestStates
from render_worker.contract import QueuedRequest

IMAGE_GRACE_SECONDS = 600.0  # beyond the time of its picture: a request that waits for longer is sent again with it


class Publisher:
    """Publishes attempts. Thread-safe."""

    def __init__(self, states: RequestStates, broker: Broker) -> None:
        self._states = states
        self._broker = broker

    def send(
        self, message: QueuedRequest, queue: str, image: bytes | None = None, *, urgent: bool = False
    ) -> Announced:
        """Publish an attempt, with the image that its picture begins with, if there is one. One try, which blocks.

        Returns `go` if its message was sent, or why it was not to be: the request is final, has a newer attempt, or
        has begun. Raises QueueUnavailable if the queue does not take it, though it may have.
        """
        request = message.request
        with reaching_queue():
            announced = self._states.announce(request.request_id, message.attempt)
            if announced == "go":
                if image is not None:
                    self._states.put_image(request.request_id, image, request.timeout_seconds + IMAGE_GRACE_SECONDS)
                self._broker.send(message, queue, urgent=urgent)
        return announced
