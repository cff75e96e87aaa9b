"""Two thousand random requests to both tiers; `make fuzz` sends fifty times as many."""

import asyncio
import threading
from collections import Counter

import pytest

from tests.fuzz.__main__ import Targets, main, run
from tests.fuzz.drive import FAULT, drive
from tests.fuzz.samples import sample
from tests.hostile.arena import Arena
from tests.hostile.wire import LOOPBACK

SEED = 7
COUNT = 2000


@pytest.mark.timeout(300)
def test_no_request_makes_a_500_a_traceback_a_death_or_a_hang(tmp_path):
    with Arena(tmp_path) as arena:
        targets = Targets(arena)
        report = run(targets, SEED, COUNT, progress=False)
        assert [f"{it.problem}: {it.sample}" for it in report.failures] == []
        assert targets.problems() == []
        assert sum(report.statuses.values()) == COUNT
        assert report.statuses["api 200"] > COUNT / 20  # not all samples are refused at once
        assert report.statuses["worker 400"] > COUNT / 20


@pytest.mark.parametrize("tier", ["api", "worker"])
def test_the_same_seed_sends_the_same_bytes(tier):
    first, again = ([sample(tier, seed, number) for number in range(200)] for seed in (1, 1))
    assert first == again
    assert first != [sample(tier, 2, number) for number in range(200)]


def test_it_sends_requests_of_every_kind():
    found = Counter(it.kind for it in (sample("api", SEED, number) for number in range(1000)))
    assert min(found["kept"], found["once"]) > 200
    data = b"".join(sample("api", SEED, number).data for number in range(2000))
    wire = (b"Sec-WebSocket-Key", b"chunked", b"\xff", b"%zz", b"NaN", b"text/event-stream", b"javascript")
    views = (b"X-API-Key", b"signature=", b"/sheet.png", b"form-data; name=", b"/api/v1/status/", b"DELETE /images/")
    for expected in (*wire, *views, b"respond-async"):
        assert expected in data


@pytest.mark.parametrize("response", [b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"no HTTP at all\r\n\r\n"])
def test_a_server_with_a_fault_is_detected(response):
    async def serve(up, over):
        async def client(reader, writer):
            await reader.read(1)
            writer.write(response)
            writer.close()

        server = await asyncio.start_server(client, LOOPBACK, 0)
        up.append(server.sockets[0].getsockname()[1])
        while not over.is_set():
            await asyncio.sleep(0.05)
        server.close()

    up, over = [], threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve(up, over)))
    thread.start()
    try:
        while not up:
            over.wait(0.01)
        report = drive("api", up[0], SEED, range(20))
    finally:
        over.set()
        thread.join()
    assert len(report.failures) == 20


def test_a_fault_is_distinguished_from_a_text_about_one():
    assert FAULT.search(b'HTTP/1.1 503 x\r\n\r\n{"code":"internal_error"}')
    assert not FAULT.search(b'HTTP/1.1 400 x\r\n\r\n{"code":"invalid_parameter"}')


def test_help_says_how_to_send_one_again(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fuzz", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "--at" in capsys.readouterr().out
