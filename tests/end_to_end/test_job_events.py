"""A job's event stream, with both tiers: what it tells, also to clients that come late, and while something is down."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.end_to_end.conftest import Stack, worker_settings
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import Server, api, sandbox, wait_until, worker
from tests.fakes.watching import Watching

API = "/api/v1"


def start(url: str, **fields: object) -> dict:
    """Submit a job, and return it; the first one waits until the service has loaded what jobs need."""
    replies: list[requests.Response] = []

    def answered() -> bool:
        replies.append(requests.post(f"{url}{API}/generate", json={"prompt": "a boat", **fields}, timeout=60))
        return replies[-1].status_code != 503

    wait_until(answered, "the database of jobs")
    assert replies[-1].status_code == 202, replies[-1].text
    return replies[-1].json()


def events_of(url: str, job: dict, **headers: str) -> Watching:
    """Return a client that watches a job at an address."""
    return Watching(
        f"{url}{API}/jobs/{job['job_id']}/events", {name.replace("_", "-"): it for name, it in headers.items()}
    )


def api_of(stack: Stack, database: str, **settings: object) -> Server:
    """Return an API tier before the stack's render worker, with a database of jobs, that is not started."""
    token = "a-token-of-the-tests"
    return api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=token, DATABASE_URL=database, **settings)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both tiers and the sandbox, without a browser; the API tier runs two jobs at a time."""
    folder = tmp_path_factory.mktemp("jobs")
    with sandbox() as site, worker(**worker_settings(site, folder, ENGINES="horde", QUEUE_SIZE=20)) as renderer:
        stack = Stack(site, renderer, None)
        stack.api = api_of(stack, f"sqlite:///{folder}/jobs.db", JOB_CONCURRENCY=2, MAX_STREAMS_PER_CLIENT=10)
        with stack.api:
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
            yield stack


@pytest.fixture
def url(stack: Stack) -> Iterator[str]:
    yield stack.api.url
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()


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


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_client_goes_on_at_the_service_that_is_started_again(stack, tmp_path, how):
    stack.play(delay=2)
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", GRACEFUL_TIMEOUT_SECONDS=1) as server:
        job = start(server.url)
        with events_of(server.url, job) as watching:
            seen = watching.wait_for("status", status="processing")
            server.stop(how) if how == signal.SIGTERM else _kill(server)
            wait_until(lambda: watching.ended, "the stream's end", 20)
            assert not watching.events[-1].id.endswith(":end")
        server.start_again()
        wait_until(lambda: _answers(server), "the service")
        with events_of(server.url, job, Last_Event_ID=seen.id) as again:
            assert again.wait_for_end().name == "completed"


def _kill(server: Server) -> None:
    for process in server.tree():
        process.kill()
    server.process.wait()


def _answers(server: Server) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{server.url}/health", timeout=5).ok
    return False


def test_a_stop_waits_for_no_stream(stack, tmp_path):
    stack.play(delay=60)
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", GRACEFUL_TIMEOUT_SECONDS=15, JOB_CONCURRENCY=1) as server:
        jobs = [start(server.url, prompt=f"boat {number}") for number in range(2)]
        with events_of(server.url, jobs[1]) as watching:
            watching.wait_for("status")
            begun = time.monotonic()
            stopping = threading.Thread(target=server.process.terminate)
            stopping.start()
            wait_until(lambda: watching.ended, "the stream's end", 20)
            assert time.monotonic() - begun < 8
            stopping.join()
        requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5)


def test_what_runs_in_another_process_is_told_here_as_well(stack, tmp_path):
    stack.play(delay=1)
    database = f"sqlite:///{tmp_path}/jobs.db"
    with api_of(stack, database) as one, api_of(stack, database) as other:
        job = start(one.url)
        with events_of(one.url, job) as there, events_of(other.url, job) as here:
            ends = there.wait_for_end(), here.wait_for_end()
        assert ends[0].name == ends[1].name == "completed"
        assert [it["sha256"] for it in ends[0].data["images"]] == [it["sha256"] for it in ends[1].data["images"]]
        assert here.events[0].name == "status"


def test_a_database_that_goes_down_cuts_no_stream(stack, tmp_path):
    stack.play(delay=1)
    with PostgresServer() as postgres, api_of(stack, postgres.url, JOB_CONCURRENCY=1) as server:
        job = start(server.url)
        with events_of(server.url, job) as watching:
            watching.wait_for("status")
            postgres.kill()
            down = requests.get(f"{server.url}{API}/health", timeout=20)
            assert (down.status_code, down.json()["status"], down.json()["database"]["status"]) == (
                503,
                "unhealthy",
                "down",
            )
            refused = requests.get(f"{server.url}{API}/jobs/{'0' * 32}/events", timeout=30)
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert requests.get(f"{server.url}/health", timeout=5).ok
            assert not watching.ended
            postgres.start()
            assert watching.wait_for_end().name == "completed"
        wait_until(lambda: requests.get(f"{server.url}{API}/health", timeout=20).ok, "the database's health", 30)


def test_a_stream_gives_way_to_another_client_s_picture(stack, tmp_path):
    stack.play(delay=30)
    settings = {"MAX_GENERATIONS": 4, "TRUSTED_PROXIES": "loopback", "JOB_CONCURRENCY": 1}
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", **settings) as server, contextlib.ExitStack() as opened:
        job = start(server.url)
        greedy = {"X-Forwarded-For": "192.0.2.1"}
        streams = [opened.enter_context(Watching(job["links"]["events"], greedy)) for _ in range(4)]
        streams = [stream for stream in streams if stream.response.status == 200]
        assert len(streams) >= 3  # the job itself may hold one
        for stream in streams:
            stream.wait_for("status")
        other = {"X-Forwarded-For": "192.0.2.2"}
        made = requests.get(f"{server.url}/generate?prompt=a&model=sketch", headers=other, timeout=30)
        assert made.status_code == 200, made.text
        wait_until(lambda: any(stream.ended for stream in streams), "the end of one stream", 20)
        assert not any(event.id.endswith(":end") for stream in streams for event in stream.events)
        requests.delete(job["links"]["cancel"], timeout=30)
