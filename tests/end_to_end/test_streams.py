"""A generation as it goes on: server-sent events, also in a real browser, and the WebSocket."""

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


def events(answer: requests.Response) -> Iterator[tuple[str, str, dict]]:
    """The name, id and data of each event as it comes."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, text = line.partition(": ")
            fields[name] = text
        elif fields:
            if "event" in fields:
                yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def opened(address: str, headers: dict[str, str] | None = None, **query: object) -> requests.Response:
    return requests.get(address, params=query, headers={**EVENTS, **(headers or {})}, stream=True, timeout=30)


def stream_of(worker: ScriptedWorker, pause: float) -> None:
    """Have the worker answer by a stream, in whose middle nothing comes for a while."""
    head, tail = (b"".join(json.dumps(line).encode() + b"\n" for line in lines) for lines in (LINES[:1], LINES[1:]))
    last = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
    worker.say(200, (head, pause, tail, pause, last), Content_Type="application/x-ndjson")


def test_the_phases_come_as_they_happen_and_the_picture_last(stack):
    stack.play(delay=1)
    begun, seen = time.monotonic(), []
    with opened(f"{stack.api.url}/generate", prompt="a tree") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for name, mark, data in events(answer):
            seen.append((name, mark, data, time.monotonic() - begun))
    name, mark, data, _ = seen[-1]
    phases = [data.get("phase") for _, _, data, _ in seen]
    assert phases.index("generating") < phases.index("saving") < len(phases) - 1
    assert (name, mark) == ("result", f"{answer.headers['X-Request-ID']}:end")
    assert stack.picture(data["image_url"]).size == (768, 768)
    assert seen[-1][3] - seen[phases.index("generating")][3] > 0.5  # not all at the end


def test_a_failure_is_the_last_event(stack):
    stack.play(generate="gen_failure")
    with opened(f"{stack.api.url}/generate", prompt="a tree") as answer:
        *_, (name, mark, data) = events(answer)
    assert (name, data["status"], data["code"]) == ("failure", 502, "perchance_generation_failed")
    assert mark.endswith(":end")


@pytest.mark.parametrize(("query", "status"), [({"prompt": ""}, 400), ({"prompt": "a", "model": "nix"}, 400)])
def test_what_fails_at_once_is_a_plain_answer(stack, query, status):
    answer = opened(f"{stack.api.url}/generate", **query)
    assert (answer.status_code, answer.json()["code"]) == (status, "invalid_parameter")


def test_a_lost_stream_is_resumed_and_nothing_is_paid_twice(scripted):
    stream_of(scripted, 1.0)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        with opened(f"{front.url}/generate", prompt="a tree") as answer:
            _, mark, _ = next(events(answer))
        again = opened(f"{front.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
        rest = [(name, data.get("step")) for name, _, data in events(again)]
        assert rest == [("progress", 3), ("result", None)]
        late = opened(f"{front.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
        assert [name for name, *_ in events(late)] == ["result"]
        ended = opened(f"{front.url}/generate", {"Last-Event-ID": mark.partition(":")[0] + ":end"}, prompt="a tree")
        assert (ended.status_code, ended.content) == (204, b"")
    assert len(scripted.asked_to_make()) == 1


def test_a_stream_can_be_resumed_before_there_is_any_news(scripted):
    head = json.dumps({"event": "heartbeat"}).encode() + b"\n"
    last = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
    scripted.say(200, (head, 4, last), Content_Type="application/x-ndjson")
    with api(PERCHANCE_WORKER_URL=scripted.url, REQUEST_TIMEOUT_SECONDS=9) as front:
        body = {"prompt": "a tree"}
        with requests.post(f"{front.url}/generate", json=body, headers=EVENTS, stream=True, timeout=30) as answer:
            lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
            mark = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        back = {**EVENTS, "Last-Event-ID": mark}
        again = requests.post(f"{front.url}/generate", json=body, headers=back, stream=True, timeout=30)
        assert [name for name, *_ in events(again)] == ["result"]
        late = requests.post(f"{front.url}/generate", json=body, headers=back, stream=True, timeout=30)
        assert [name for name, *_ in events(late)] == ["result"]
    assert len(scripted.asked_to_make()) == 1


def test_a_stream_is_resumed_at_another_process(scripted):
    stream_of(scripted, 1.5)
    with RedisServer() as server:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": server.url}
        with api(**settings) as first, api(**settings) as second:
            with opened(f"{first.url}/generate", prompt="a tree") as answer:
                _, mark, _ = next(events(answer))
            again = opened(f"{second.url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
            assert [name for name, *_ in events(again)] == ["result"]
    assert len(scripted.asked_to_make()) == 1


def test_a_stream_that_nobody_knows_costs_nothing(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        answer = opened(f"{front.url}/generate", {"Last-Event-ID": "0123:4"}, prompt="a tree")
        assert (answer.status_code, answer.json()["code"]) == (410, "stream_lost")
    assert len(scripted.asked_to_make()) == 0


def test_who_joins_sees_the_same_progress(scripted):
    stream_of(scripted, 1.0)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front, ThreadPoolExecutor(2) as pool:
        plain = pool.submit(requests.get, f"{front.url}/generate", params={"prompt": "a", "seed": 7}, timeout=30)
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
        joined = opened(f"{front.url}/generate", prompt="a", seed=7)
        assert [name for name, *_ in events(joined)] == ["progress", "progress", "result"]
        assert plain.result().headers["X-Cache"] == "MISS"
    assert len(scripted.asked_to_make()) == 1


def test_a_waking_worker_is_progress():
    with api(PERCHANCE_WORKER_URL="http://127.0.0.1:1", WORKER_WAKE_SECONDS=3) as front:
        with opened(f"{front.url}/generate", prompt="a tree") as answer:
            seen = list(events(answer))
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
        page.goto(f"{front.url}/health")
        page.set_content(PAGE.replace("{url}", front.url))
        page.wait_for_function("seen.some(([name]) => name === 'result')", timeout=15_000)
        page.wait_for_function(
            "source.readyState === EventSource.CLOSED", timeout=15_000
        )  # it came back, and heard 204
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


def test_the_websocket_tells_the_same(scripted):
    stream_of(scripted, 0.2)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        socket = socket_to(front)
        first = conversation(socket, json.dumps({"prompt": "a tree"}))
        assert [line["event"] for line in first] == ["progress", "progress", "result"]
        assert (first[1]["step"], first[1]["total"]) == (3, 20)
        assert first[-1]["result"]["image_url"].startswith("http://")
        wrong = conversation(socket, '{"prompt": 5}')
        assert (wrong[-1]["status"], wrong[-1]["error"]["code"]) == (400, "invalid_parameter")
        assert conversation(socket, json.dumps({"prompt": "a tree"}))[-1]["event"] == "result"
        socket.close()
    ids = [json.loads(body)["request_id"] for method, _, _, body in scripted.requests if method == "POST"]
    assert len(set(ids)) == 2  # the same id would be answered with the same picture


def flood(socket: simple_websocket.Client) -> None:
    for _ in range(200):
        socket.send(json.dumps({"prompt": "a" * 2000}))
    while True:
        socket.receive(10)


def test_a_caller_who_sends_on_and_on_is_cut_off(scripted):
    stream_of(scripted, 3)
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        socket = socket_to(front)
        # Whoever still sends may meet a connection that is gone, or that his reader closed, before he reads why.
        with pytest.raises((simple_websocket.ConnectionClosed, OSError)) as closed:
            flood(socket)
        assert getattr(closed.value, "reason", 1008) == 1008
        assert requests.get(f"{front.url}/health", timeout=5).status_code == 200
    assert len(scripted.asked_to_make()) == 1


def test_a_plain_request_is_told_that_it_is_a_websocket(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url) as front:
        answer = requests.get(f"{front.url}/stream/generate/txt2img", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (426, "websocket_only")


def test_only_pages_that_may_ask_open_a_websocket(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url, CORS_ORIGINS="https://pictures.example") as front:
        for origin, allowed in (("https://pictures.example", True), ("https://evil.example", False)):
            socket = socket_to(front, headers={"Origin": origin})
            if allowed:
                assert conversation(socket, '{"prompt": "a"}')[-1]["event"] == "result"
            else:
                with pytest.raises(simple_websocket.ConnectionClosed):
                    socket.receive(5)
    assert len(scripted.asked_to_make()) == 1
