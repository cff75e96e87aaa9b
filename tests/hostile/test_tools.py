"""The attacks' own tools: parsing, the proxy, and how a result is judged."""

import math

import pytest

from tests.hostile.__main__ import carry_out
from tests.hostile.arena import Attack, Verdict
from tests.hostile.attacks.rude_clients import judged
from tests.hostile.proxy import KeepAliveProxy
from tests.hostile.stand_in import StandIn, reply
from tests.hostile.table import as_rows, as_text
from tests.hostile.wire import Connection, MalformedResponse, Response, Tally, ask, flood, parse, request


def test_a_response_is_read_by_its_length_and_no_further():
    data = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n{}HTTP/1.1"
    response, end = parse(data)
    assert (response.status, response.body, response.closes) == (404, b"{}", True)
    assert data[end:] == b"HTTP/1.1"


def test_a_response_is_read_by_its_chunks():
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"
    response, end = parse(data)
    assert (response.body, end) == (b"abcde", len(data))
    assert parse(data[:-1]) is None


def test_a_response_to_head_has_no_body():
    assert parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", head_only=True)[0].body == b""


@pytest.mark.parametrize("data", [b"<html>\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"nothing at all"])
def test_what_is_no_http_is_reported(data):
    with pytest.raises(MalformedResponse):
        parse(data, ended=True)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (500, b"<html>", True),
        (503, b"<html>", True),
        (503, b'{"code": "worker_busy"}', False),
        (200, b'{"error": {"code": "internal_error"}}', True),
        (501, b"<html>", False),
        (400, b"", False),
    ],
)
def test_a_fault_of_the_server_s_own_is_distinguished_from_a_refusal(status, body, fault):
    assert Response(status, {}, body).own_fault is fault


def test_a_flood_counts_what_came_back():
    with StandIn() as server:
        server.say("GET /images", reply(404, {"code": "not_found"}, Connection="close"))
        tally = flood(server.port, [request("GET", "/models")] * 5 + [request("GET", "/images/x")] * 3, 2)
        assert tally.outcomes == {"200": 5, "404 not_found": 3}
        assert server.seen["GET /models"] == 5


def test_the_proxy_hands_a_kept_connection_on_together_with_what_it_says():
    with StandIn() as server, KeepAliveProxy(server.port) as proxy:
        with Connection(proxy.port) as attacker:
            # The stand-in closes the connection if a body is no JSON.
            attacker.send(request("POST", "/nothing", b"", Content_Length="2") + b"no")
            assert attacker.response(2) is None
        assert ask(proxy.port, request("GET", "/health")).status == 200
        assert ask(proxy.port, request("GET", "/models")).status == 200


def test_an_attack_that_cannot_be_carried_out_counts_as_broken():
    def fail(_):
        raise RuntimeError("no servers")

    result = carry_out(Attack("none", "Nothing.", True, fail))
    assert not result.good
    assert "no servers" in result.value


def test_the_table_and_the_rows_show_the_value(tmp_path):
    document = tmp_path / "security.md"
    document.write_text("| attack | before | now |\n|---|---|---|\n| `none`: x | broken: 3 lost | |\n")
    result = carry_out(Attack("none", "Nothing.", True, lambda _: Verdict(True, "0 lost")))
    assert "none: 0 lost" in as_text([result])
    assert as_rows([result], "now", document) == "| `none`: Nothing | broken: 3 lost | held: 0 lost |"


def test_faults_that_the_attack_does_not_look_for_break_it_all_the_same():
    def fault(arena):
        arena.tally += Tally(1, 1)
        return Verdict(True, "held")

    assert not carry_out(Attack("none", "Nothing.", True, fault)).good


@pytest.mark.parametrize(
    ("idle", "beside", "requests", "held"),
    [
        ([5.0] * 20, [9.0] * 20, 1, True),
        ([5.0] * 20, [9.0] * 18 + [11.0] * 2, 1, False),
        ([5.0] * 20, [9.0] * 19 + [math.inf], 1, True),
        ([5.0] * 20, [9.0] * 18 + [math.inf] * 2, 1, False),
        ([5.0] * 19 + [math.inf], [5.0] * 20, 1, False),
        ([math.inf] * 20, [math.inf] * 20, 1, False),
        ([], [], 1, False),
        ([5.0] * 20, [5.0] * 20, 0, False),
    ],
)
def test_a_wait_is_judged_only_beside_one_that_ended(idle, beside, requests, held):
    assert judged(idle, beside, Tally(requests)).held is held
