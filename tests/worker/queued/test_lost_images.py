"""An image that Redis loses between the claim of its request and the picture: the request is sent again with it."""

import pytest

from render_worker.contract import queue_key
from render_worker.queued.claims import Claims
from render_worker.queued.endings import Endings
from render_worker.queued.generation import QueuedGenerations
from render_worker.queued.lease_keeper import LeaseKeeper
from render_worker.queued.progress_sender import ProgressSender
from tests.worker.queued.conftest import Queue

DIGEST = "0" * 64


class ClaimsBeforeALoss(Claims):
    """Claims whose Redis loses its images right after each."""

    def claim(self, message):
        claimed = super().claim(message)
        self.redis.delete(queue_key(message.request.request_id, "image"))
        return claimed


@pytest.fixture
def generations(queue: Queue):
    claims = ClaimsBeforeALoss(queue.redis, "w@tests", "token")
    claims.redis = queue.redis
    keeper = LeaseKeeper(claims, print)
    return QueuedGenerations(claims, Endings(queue.redis, claims), keeper, ProgressSender(queue.redis), None, None)


def test_its_request_is_given_back_and_has_not_failed(queue, generations):
    request = "a-request-with-an-image"
    queue.states.announce(request, 1)
    queue.states.put_image(request, b"an image", 60)
    generations.make(queue.message(request, image=DIGEST))
    assert queue.status(request) == "queued"
    assert queue.states.endings([request]) == [None]
    assert queue.news(request) == [("begun", 1), ("returned", 1)]
