"""Ten pictures of one request, and their events, through both tiers."""

import base64
import contextlib
import io
from collections.abc import Callable, Iterator

import openai
import pytest
from PIL import Image

from tests.end_to_end.conftest import TOKEN, Stack
from tests.fakes.processes import Server, api, worker


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run both tiers with the settings that they have by themselves; no request selects Perchance."""
    folder = tmp_path_factory.mktemp("images")
    with worker(WORKER_TOKEN=TOKEN, LOCAL_STORAGE_DIR=folder, CHROMIUM_PATH="/bin/false") as renderer:
        with api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as front:
            yield front


@pytest.fixture
def client_of() -> Iterator[Callable[[Server], openai.OpenAI]]:
    with contextlib.ExitStack() as clients:
        yield lambda front: clients.enter_context(
            openai.OpenAI(base_url=f"{front.url}/v1", api_key="anything", max_retries=0)
        )


def seed_inside(b64_json: str) -> int:
    image = Image.open(io.BytesIO(base64.b64decode(b64_json)))
    image.load()
    return int(image.text["seed"])


def test_ten_on_an_idle_service_give_ten(client_of, default):
    answer = client_of(default).images.generate(
        prompt="a red boat", model="sketch", n=10, response_format="b64_json", extra_body={"seed": 30}
    )
    assert [seed_inside(picture.b64_json) for picture in answer.data] == list(range(30, 40))
    assert not hasattr(answer, "failed")


def test_ten_come_as_events(client_of, default):
    events = list(client_of(default).images.generate(prompt="a red boat", model="sketch", n=10, stream=True))
    assert [event.type for event in events] == ["image_generation.completed"] * 10
    assert [seed_inside(event.b64_json) for event in events] == [event.seed for event in events]
    assert len({event.seed for event in events}) == 10


def test_ten_of_an_engine_with_one_slot_and_a_short_queue_give_ten(client_of, stack: Stack):
    stack.play(delay=0.2)
    answer = client_of(stack.api).images.generate(prompt="a tree", model="gpt-image-1", n=10)
    assert len({seed_inside(picture.b64_json) for picture in answer.data}) == 10
    assert {picture.engine for picture in answer.data} == {"perchance"}
    assert stack.worker_health()["queue"]["queue_size"] == 2


@pytest.mark.parametrize("quality", [0, 100])
def test_the_quality_decides_how_large_a_file_is(client_of, default, quality):
    ai = client_of(default)

    def size(**compression: int) -> int:
        picture = ai.images.generate(
            prompt="a red boat",
            model="sketch",
            output_format="jpeg",
            response_format="b64_json",
            extra_body={"seed": 5, **compression},
        )
        return len(picture.data[0].b64_json)

    usual = size()
    assert (size(output_compression=quality) > usual) == (quality == 100)
    assert size(output_compression=90) == usual
