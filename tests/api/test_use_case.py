"""The use case before a dispatch of another kind, as a queue would be: it knows the Protocol alone."""

import pytest

from image_api.admission import Waiter
from image_api.errors import ServiceBusy
from image_api.generation.cache import MemoryCache
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import GenerationResponse
from image_api.generation.use_case import Generation
from image_api.settings import Settings
from render_worker.contract import GenerateResult, Progress
from tests.api.conftest import RESULT


class Queue:
    """A dispatch without HTTP."""

    def __init__(self) -> None:
        self.requests = []
        self.stopped = False
        self.cancelled = []

    def generate(self, request, report, client=None, abort=None, image=None, *, repeated=False):
        self.requests.append((request, client))
        report(Progress(phase="generating", message="At it."))
        if request.prompt == "refused":
            raise ServiceBusy("Full.")
        return GenerateResult.model_validate(RESULT)

    def cancel(self, request_id):
        self.cancelled.append(request_id)

    def stop(self):
        self.stopped = True


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def generation(queue) -> Generation:
    return Generation(queue, MemoryCache(), Settings())


def test_it_works(generation, queue):
    options = GenerationOptions(prompt="a tree", seed=7, within=30.0)
    response = generation.generate(options, "id", Waiter("client"))
    assert (response.cache_status, response.result.engine) == ("MISS", "perchance")
    ((request, client),) = queue.requests
    assert (request.prompt, request.within, request.request_id, client) == ("a tree", 30.0, "id", "client")


def test_it_is_followed_as_a_stream(generation):
    *_, last = generation.follow(GenerationOptions(prompt="a tree"), "id", Waiter())
    assert isinstance(last.content, GenerationResponse)
    assert last.content.result.request_id == "id"
    assert last.event_id.endswith(":end")
    assert not last.event_id.startswith("id")  # by which its client cancels it, and no other


@pytest.mark.parametrize(("shared", "requests"), [(True, 1), (False, 2)])
def test_requests_without_a_seed_share_a_result_if_the_options_say_so(generation, queue, shared, requests):
    options = GenerationOptions(prompt="a tree", cache_without_seed=shared)
    for number in range(2):
        generation.generate(options, f"id-{number}", Waiter())
    assert len(queue.requests) == requests


def test_clients_cannot_set_that_option():
    assert "cache_without_seed" not in GenerationOptions.public_fields()


def test_its_error_is_the_client_s(generation):
    with pytest.raises(ServiceBusy, match="Full"):
        generation.generate(GenerationOptions(prompt="refused"), "id", Waiter())
    assert len(generation.admission) == 0


def test_a_stop_reaches_it(generation, queue):
    generation.stop()
    assert queue.stopped
