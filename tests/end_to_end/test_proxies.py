"""Forwarded headers over the wire: on several lines, in great number, and from clients that are no proxy."""

import json
import socket

import pytest

from tests.fakes.processes import api, wait_until


def front_page(server, *lines: str, path: str | None = None) -> dict:
    """Return the front page for a request with these header lines; over the Unix socket at `path` if it is given."""
    head = "\r\n".join(["GET / HTTP/1.1\r\nHost: own.example\r\nConnection: close", *lines])
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as client:
        client.settimeout(20)
        client.connect(path or ("127.0.0.1", server.port))
        client.sendall(head.encode() + b"\r\n\r\n")
        response = b""
        while data := client.recv(65536):
            response += data
    return json.loads(response.partition(b"\r\n\r\n")[2])


def base(page: dict) -> str:
    return page["examples"]["picture"].split("'")[1].partition("/generate")[0]


@pytest.fixture(scope="module")
def behind():
    with api(TRUSTED_PROXIES="loopback") as server:
        yield server


def test_of_several_lines_the_last_is_the_nearest_proxy_s(behind):
    lines = ["X-Forwarded-Proto: javascript", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"]
    lines += ["X-Forwarded-Host: front.example", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.9"]
    assert base(front_page(behind, *lines)) == "https://front.example"


def test_thousands_of_nodes_are_no_trouble(behind):
    lines = [f"X-Forwarded-For: {','.join(['127.0.0.1'] * 800)}"] * 40 + ["X-Forwarded-Proto: https"]
    assert base(front_page(behind, *lines)) == "https://own.example"
    assert "Traceback" not in behind.log()


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "X_Forwarded_Host", "X_FORWARDED_FOR", "PATH_INFO"])
def test_other_spellings_are_no_headers(behind, name):
    assert base(front_page(behind, f"{name}: /evil.example")) == "http://own.example"


def test_an_undeclared_proxy_is_warned_of_once():
    with api() as server:
        for _ in range(5):
            lines = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"]
            assert base(front_page(server, *lines)) == "http://own.example"
        assert server.log().count("TRUSTED_PROXIES does not name") == 1


def test_a_unix_socket_counts_as_loopback(tmp_path):
    path = str(tmp_path / "api.sock")
    trusting = api(TRUSTED_PROXIES="loopback", GUNICORN_CMD_ARGS=f"--bind=unix:{path}")
    trusting.start()
    try:
        wait_until(lambda: "Listening" in trusting.log() and "Booting" in trusting.log(), "the server")
        lines = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "SCRIPT_NAME: /evil"]
        assert base(front_page(trusting, *lines, path=path)) == "https://own.example"
        assert "Traceback" not in trusting.log()
    finally:
        trusting.stop()
