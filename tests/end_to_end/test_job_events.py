"""A job's event stream, with both tiers: what it tells, also to clients that come late or come back."""

import contextlib
import time
from collections.abc import Iterator

import pytest
import requests

from tests.end_to_end.conftest import Stack
from tests.end_to_end.job_tiers import API, events_of, job_tiers, reset, start
from tests.end_to_end.rendering import DISPATCHES
from tests.fakes.processes import wait_until


@pytest.fixture(scope="module", params=DISPATCHES)
def tiers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with job_tiers(tmp_path_factory.mktemp("jobs"), request.param) as stack:
        yield stack


@pytest.fixture
def stack(tiers: Stack) -> Iterator[Stack]:
    yield tiers
    reset(tiers)


@pytest.fixture
def url(stack: Stack) -> str:
    return stack.api.url


def test_a_job_is_told_from_its_beginning_to_its_picture(stack, url):
    stack.play(delay=1)
    job = start(url)
    with events_of(url, job) as watching:
        last = watching.wait_for_end()
    response = watching.response
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert (response.headers["X-Accel-Buffering"], response.headers["Cache-Control"]) == ("no", "no-store")
    assert watching.statuses[-2:] == ["processing", "completed"]
    assert watching.events[0].name == "status"
    phases = [event.data["phase"] for event in watching.events if event.name == "progress"]
    assert {"queued", "generating"} <= set(phases)
    order = ["starting", "queued", "generating", "downloading", "saving"]
    assert phases == sorted(phases, key=order.index)
    ids = [event.id for event in watching.events]
    assert ids == [f"{job['job_id']}:{number}" for number in range(1, len(ids))] + [f"{job['job_id']}:end"]
    status = requests.get(job["links"]["status"], timeout=30).json()
    assert last.data == status
    assert stack.picture(status["images"][0]["image_url"]).size == (768, 768)


def test_the_final_state_is_one_event_and_not_sent_to_a_client_that_has_it(url):
    job = start(url, model="sketch")
    with events_of(url, job) as watching:
        last = watching.wait_for_end()
    with events_of(url, job) as late:
        assert late.wait_for_end() == last
    assert late.names == ["completed"]
    again = requests.get(job["links"]["events"], headers={"Last-Event-ID": last.id}, timeout=30)
    assert (again.status_code, again.content) == (204, b"")
    by_polyfill = {"Accept": "text/event-stream"}
    assert (
        requests.get(f"{job['links']['events']}?lastEventId={last.id}", headers=by_polyfill, timeout=30).status_code
        == 204
    )


@pytest.mark.parametrize(
    "event_id", ["x", "{}:7", "{}:", ":end", "0:end", "{}:END", "{}:end:1", "é:end", "{}:99999999999"]
)
def test_any_other_last_event_id_begins_with_the_present_state(url, event_id):
    job = start(url, model="sketch")
    last_id = event_id.format(job["job_id"]).encode()
    with events_of(url, job, Last_Event_ID=last_id) as watching:
        assert watching.wait_for_end().name == "completed"


def test_a_client_that_reconnects_gets_the_present_state_first(stack, url):
    stack.play(delay=3)
    job = start(url)
    with events_of(url, job) as watching:
        seen = watching.wait_for("progress", phase="generating")
    with events_of(url, job, Last_Event_ID=seen.id) as again:
        assert again.wait_for_end().name == "completed"
    assert again.events[0].name == "status"
    assert again.events[0].data["status"] == "processing"
    assert len(stack.requests_to("horde")) == 1


def test_two_clients_are_told_the_same(stack, url):
    stack.play(delay=1)
    job = start(url)
    with events_of(url, job) as one, events_of(url, job) as other:
        assert one.wait_for_end() == other.wait_for_end()
    assert "processing" in one.statuses
    assert "processing" in other.statuses


def test_one_that_waits_is_told_its_place_and_when_that_changes(stack, url):
    stack.play(delay=4)
    running = [start(url, prompt=f"boat {number}") for number in range(2)]
    for job in running:
        with events_of(url, job) as watching:
            watching.wait_for("status", status="processing")
    first, second = start(url, prompt="the first that waits"), start(url, prompt="the second")
    with events_of(url, second) as watching:
        assert watching.wait_for("status").data["position"] == 2
        requests.delete(first["links"]["cancel"], timeout=30).raise_for_status()
        watching.wait_for("status", position=1)
        watching.wait_for("status", status="processing")
        assert "position" not in watching.events[-1].data
    for job in (*running, second):
        requests.delete(job["links"]["cancel"], timeout=30)


def test_one_that_is_cancelled_while_it_is_watched_ends_so(stack, url):
    stack.play(delay=60)
    job = start(url)
    with events_of(url, job) as watching:
        watching.wait_for("progress", phase="queued")
        requests.delete(job["links"]["cancel"], timeout=30).raise_for_status()
        begun = time.monotonic()
        last = watching.wait_for_end()
    assert (last.name, last.data["status"], last.data["images"]) == ("canceled", "canceled", [])
    assert time.monotonic() - begun < 5


def test_one_that_fails_ends_with_the_reason(stack, url):
    stack.play(horde="corrupt_prompt")
    job = start(url, model="horde")
    with events_of(url, job) as watching:
        last = watching.wait_for_end()
    assert (last.name, last.data["status"]) == ("failed", "failed")
    assert {"error", "code"} <= last.data.keys()
    assert "success" not in last.data


def test_each_of_several_pictures_is_told(stack, url):
    stack.play(delay=0.5)
    job = start(url, n=3, model="horde")
    with events_of(url, job) as watching:
        last = watching.wait_for_end()
    assert sorted(image["index"] for image in last.data["images"]) == [0, 1, 2]
    told = {event.data["index"] for event in watching.events if event.name == "progress"}
    assert told <= {0, 1, 2}
    assert told


@pytest.mark.parametrize("job_id", ["x", "0" * 32, "01890a5d-ac96-774b-bcce-b302099a8057", "%00", "..", "a" * 3000])
def test_one_that_does_not_exist_is_a_plain_error(url, job_id):
    response = requests.get(f"{url}{API}/jobs/{job_id}/events", timeout=30)
    assert response.status_code == 404
    assert response.json()["code"] in ("job_not_found", "not_found")


def test_a_head_opens_no_stream(stack, url):
    job = start(url, model="sketch")
    response = requests.head(job["links"]["events"], timeout=30)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert requests.head(f"{url}{API}/jobs/x/events", timeout=30).status_code == 404


def test_a_browser_s_speculation_and_a_preview_bot_open_none(url):
    job = start(url, model="sketch")
    for headers in ({"Sec-Purpose": "prefetch"}, {"User-Agent": "Discordbot/2.0"}):
        assert requests.get(job["links"]["events"], headers=headers, timeout=30).status_code == 503


def test_a_client_has_so_many_streams_at_most_and_one_that_it_leaves_is_free_again(stack, url):
    stack.play(delay=60)
    job = start(url)
    with contextlib.ExitStack() as open_streams:
        for _ in range(10):
            open_streams.enter_context(events_of(url, job)).wait_for("status")
        refused = requests.get(job["links"]["events"], timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert requests.get(f"{url}/health", timeout=5).ok
    wait_until(lambda: _opens(job), "the place of a client that is gone", 30)
    requests.delete(job["links"]["cancel"], timeout=30).raise_for_status()


def _opens(job: dict) -> bool:
    with requests.get(job["links"]["events"], stream=True, timeout=30) as response:
        return response.status_code == 200
