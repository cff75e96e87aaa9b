"""Progress of a generation: server-sent events with replay (Last-Event-ID), also in a real browser, and WebSockets."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import simple_websocket

from tests.api.conftest import RESULT, ScriptedWorker
from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import api, wait_until
from tests.fakes.redis_server import RedisServer

EVENTS = {"Accept": "text/event-stream"}
LINES = [
    {"event": "progress", "phase": "starting", "message": "Opening."},
    {"event": "progress", "phase": "generating", "message": "Making.", "step": 3, "total": 20},
]


def events(response: requests.Response) -> Iterator[tuple[str, str, dict]]:
    """Yield the name, id and data of each event as it comes."""
    fields: dict[str, str] = {}
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, text = line.partition(": ")
            fields[name] = text
        elif fields:
            if "event" in fields:
                yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def open_stream(address: str, headers: dict[str, str] | None = None, **query: object) -> requests.Response:
    return requests.get(address, params=query, headers={**EVENTS, **(headers or {})}, stream=True, timeout=30)


def stream_of(worker: ScriptedWorker, pause: float) -> None:
    """Have the worker respond with a stream that pauses twice for `pause` seconds."""
    head, tail = (b"".join(json.dumps(line).encode() + b"\n" for line in lines) for lines in (LINES[:1], LINES[1:]))
    last = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
    worker.say(200, (head, pause, tail, pause, last), Content_Type="application/x-ndjson")


def test_the_phases_come_as_they_happen_and_the_picture_last(stack):
    stack.play(delay=1)
    begun, seen = time.monotonic(), []
    with open_stream(f"{stack.api.url}/generate", prompt="a tree") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        for name, mark, data in events(response):
            seen.append((name, mark, data, time.monotonic() - begun))
    name, mark, data, _ = seen[-1]
    phases = [data.get("phase") for _, _, data, _ in seen]
    assert phases.index("generating") < phases.index("saving") < len(phases) - 1
    assert (name, mark.endswith(":end")) == ("result", True)
    assert data["request_id"] == response.headers["X-Request-ID"] != mark.removesuffix(":end")
    assert stack.picture(data["image_url"]).size == (768, 768)
    assert seen[-1][3] - seen[phases.index("generating")][3] > 0.5  # not all at the end


def test_a_failure_is_the_last_event(stack):
    stack.play(generate="gen_failure")
    with open_stream(f"{stack.api.url}/generate", prompt="a tree") as response:
        *_, (name, mark, data) = events(response)
    assert (name, data["status"], data["code"]) == ("failure", 502, "perchance_generation_failed")
    assert mark.endswith(":end")


@pytest.mark.parametrize(("query", "status"), [({"prompt": ""}, 400), ({"prompt": "a", "model": "nix"}, 400)])
def test_what_fails_at_once_is_a_plain_response(stack, query, status):
    response = open_stream(f"{stack.api.url}/generate", **query)
    assert (response.status_code, response.json()["code"]) == (status, "invalid_parameter")


def test_a_lost_stream_is_replayed_without_a_second_generation(scripted, api_before):
    stream_of(scripted, 1.0)
    with api_before() as front:
        with open_stream(f"{front.url}/generate", prompt="a tree") as response:
            _, mark, _ = next(events(response))
        again = open_stream(f"{front.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
        rest = [(name, data.get("step")) for name, _, data in events(again)]
        assert rest == [("progress", 3), ("result", None)]
        late = open_stream(f"{front.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
        assert [name for name, *_ in events(late)] == ["result"]
        ended = open_stream(
            f"{front.url}/generate", {"Last-Event-ID": mark.partition(":")[0] + ":end"}, prompt="a tree"
        )
        assert (ended.status_code, ended.content) == (204, b"")
    assert len(scripted.asked_to_make()) == 1


def test_a_polyfill_resumes_by_the_query(scripted):
    stream_of(scripted, 0.2)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        address = f"{front.url}/generate"
        with open_stream(address, prompt="a tree", lastEventId="") as response:  # none yet
            mark = next(mark for kind, mark, _ in events(response) if kind == "result")
        before = mark.partition(":")[0] + ":1"
        for name in ("lastEventId", "lastEventID", "Last-Event-ID", "last_event_id", "evs_last_event_id"):
            again = open_stream(address, prompt="a tree", evs_preamble="", **{name: before})
            assert [kind for kind, *_ in events(again)][-1] == "result"
            assert open_stream(address, prompt="a tree", **{name: mark}).status_code == 204
            assert open_stream(address, prompt="a tree", **{name: "0123:4"}).status_code == 410
        header_wins = open_stream(address, {"Last-Event-ID": mark}, prompt="a tree", lastEventId="0123:4")
        assert header_wins.status_code == 204
        assert open_stream(address, prompt="a tree", lastEventIdx="1").status_code == 400
        assert requests.get(address, params={"prompt": "a", "lastEventId": "x:1"}, timeout=30).status_code == 400
    assert len(scripted.asked_to_make()) == 1


def test_a_stream_can_be_resumed_before_its_first_progress(scripted, api_before):
    head = json.dumps({"event": "heartbeat"}).encode() + b"\n"
    last = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
    scripted.say(200, (head, 4, last), Content_Type="application/x-ndjson")
    with api_before(REQUEST_TIMEOUT_SECONDS=9) as front:
        body = {"prompt": "a tree"}
        with requests.post(f"{front.url}/generate", json=body, headers=EVENTS, stream=True, timeout=30) as response:
            lines = response.iter_lines(chunk_size=1, decode_unicode=True)
            mark = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        back = {**EVENTS, "Last-Event-ID": mark}
        for _ in ("again", "late"):
            with requests.post(f"{front.url}/generate", json=body, headers=back, stream=True, timeout=30) as response:
                assert [name for name, *_ in events(response)] == ["result"]
    assert len(scripted.asked_to_make()) == 1


def test_a_stream_is_resumed_at_another_process(scripted):
    stream_of(scripted, 1.5)
    with RedisServer() as server:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": server.url}
        with api(**settings) as first, api(**settings) as second:
            with open_stream(f"{first.url}/generate", prompt="a tree") as response:
                _, mark, _ = next(events(response))
            again = open_stream(f"{second.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
            assert [name for name, *_ in events(again)] == ["result"]
    assert len(scripted.asked_to_make()) == 1


def test_an_unknown_stream_costs_no_generation(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        response = open_stream(f"{front.url}/generate", {"Last-Event-ID": "0123:4"}, prompt="a tree")
        assert (response.status_code, response.json()["code"]) == (410, "stream_lost")
    assert len(scripted.asked_to_make()) == 0


def test_a_coalesced_stream_has_the_same_progress(scripted, api_before):
    stream_of(scripted, 1.0)
    with api_before() as front, ThreadPoolExecutor(2) as pool:
        plain = pool.submit(requests.get, f"{front.url}/generate", params={"prompt": "a", "seed": 7}, timeout=30)
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
        joined = open_stream(f"{front.url}/generate", prompt="a", seed=7)
        assert [name for name, *_ in events(joined)] == ["progress", "progress", "result"]
        assert plain.result().headers["X-Cache"] == "MISS"
    assert len(scripted.asked_to_make()) == 1


def test_a_cold_start_is_progress():
    with api(PERCHANCE_WORKER_URL="http://127.0.0.1:1", WORKER_WAKE_SECONDS=3) as front:
        with open_stream(f"{front.url}/generate", prompt="a tree") as response:
            seen = list(events(response))
    (name, _, waking), (last, _, failure) = seen[0], seen[-1]
    assert (name, waking["phase"], waking["expected_seconds"]) == ("progress", "waking", 60)
    assert (last, failure["code"]) == ("failure", "worker_unavailable")


PAGE = """<script>
const seen = [];
const source = new EventSource("{url}/generate?prompt=a+tree");
for (const name of ["progress", "result", "failure"])
  source.addEventListener(name, event => seen.push([name, JSON.parse(event.data)]));
</script>"""


def test_a_browser_s_event_source_gets_one_picture_for_one_generation(scripted):
    stream_of(scripted, 0.5)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front, chromium() as browser:
        page = browser.new_page()
        page.route(f"{front.url}/its-page", lambda route: route.fulfill(body=PAGE.replace("{url}", front.url)))
        page.goto(f"{front.url}/its-page")
        page.wait_for_function("seen.some(([name]) => name === 'result')", timeout=15_000)
        page.wait_for_function(
            "source.readyState === EventSource.CLOSED", timeout=15_000
        )  # it reconnected, and got 204
        assert page.evaluate("seen.map(([name]) => name)") == ["progress", "progress", "result"]
    assert len(scripted.asked_to_make()) == 1


def socket_to(front, **options: object) -> simple_websocket.Client:
    return simple_websocket.Client(f"{front.url.replace('http', 'ws')}/stream/generate/txt2img", **options)


def conversation(socket: simple_websocket.Client, message: str) -> list[dict]:
    socket.send(message)
    said = []
    while not said or said[-1]["event"] not in ("result", "error"):
        said.append(json.loads(socket.receive(20)))
    return said


def test_the_websocket_has_the_same_events(scripted, api_before):
    stream_of(scripted, 0.2)
    with api_before() as front:
        socket = socket_to(front)
        first = conversation(socket, json.dumps({"prompt": "a tree"}))
        assert [line["event"] for line in first] == ["progress", "progress", "result"]
        assert (first[1]["step"], first[1]["total"]) == (3, 20)
        assert first[-1]["result"]["image_url"].startswith("http://")
        wrong = conversation(socket, '{"prompt": 5}')
        assert (wrong[-1]["status"], wrong[-1]["error"]["code"]) == (400, "invalid_parameter")
        assert conversation(socket, json.dumps({"prompt": "a tree"}))[-1]["event"] == "result"
        socket.close()
    ids = [it["request_id"] for it in scripted.asked_to_make()]
    assert len(set(ids)) == 2  # the same id would be an idempotent retry: the same picture


def flood(socket: simple_websocket.Client) -> None:
    for _ in range(200):
        socket.send(json.dumps({"prompt": "a" * 2000}))
    while True:
        socket.receive(10)


def test_a_client_that_floods_a_websocket_is_disconnected(scripted):
    stream_of(scripted, 3)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        socket = socket_to(front)
        # A client that still sends may find the connection gone, or closed by its reader, before it reads the reason.
        with pytest.raises((simple_websocket.ConnectionClosed, OSError)) as closed:
            flood(socket)
        assert getattr(closed.value, "reason", 1008) == 1008
        assert requests.get(f"{front.url}/health", timeout=5).status_code == 200
    assert len(scripted.asked_to_make()) == 1


def test_a_plain_request_to_the_websocket_gets_426(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        response = requests.get(f"{front.url}/stream/generate/txt2img", timeout=10)
        assert (response.status_code, response.json()["code"]) == (426, "websocket_only")


def test_only_pages_of_allowed_origins_open_a_websocket(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url, CORS_ORIGINS="https://pictures.example") as front:
        for origin, allowed in (("https://pictures.example", True), ("https://evil.example", False)):
            socket = socket_to(front, headers={"Origin": origin})
            if allowed:
                assert conversation(socket, '{"prompt": "a"}')[-1]["event"] == "result"
            else:
                with pytest.raises(simple_websocket.ConnectionClosed):
                    socket.receive(5)
    assert len(scripted.asked_to_make()) == 1
