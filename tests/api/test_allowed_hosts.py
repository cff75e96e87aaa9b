"""ALLOWED_HOSTS: the hosts that a request may name, against DNS rebinding."""

import pytest
import requests
from pydantic import ValidationError

from image_api.settings import Settings
from tests.fakes.processes import api

PATHS = ("/", "/generate?prompt=a", "/models", "/ready", "/wake", "/images/x", "/nowhere", "/v1/models", "/health/x")


@pytest.fixture
def client(client_with):
    return client_with(allowed_hosts="localhost, 127.0.0.1, [::1], *.example.com, pictures.example:8443")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_another_host_is_refused_everywhere(client, worker, path, method):
    answer = client.open(path, method=method, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    if method != "HEAD":
        error = answer.json["error"] if path.startswith("/v1") else answer.json
        assert error["code"] == "misdirected_request"
    assert worker.requests == []


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
def test_health_is_exempt(client, path):
    for host in ("evil.example", "a_b", "a'b"):
        assert client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("localhost.:1", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]", 200),
        ("[0:0:0:0:0:0:0:1]:99", 200),
        ("a.example.com", 200),
        ("a.b.example.com:1", 200),
        ("pictures.example:8443", 200),
        ("pictures.example", 421),
        ("pictures.example:8444", 421),
        ("example.com", 421),
        ("example.com.evil.example", 421),
        ("evilexample.com", 421),
        ("localhost.evil.example", 421),
        ("localhost@evil.example", 421),
        ("127.0.0.1.nip.example", 421),
        ("2130706433", 421),
        ("[::2]", 421),
        ("[::1].evil.example", 421),
        ("localhost,evil.example", 421),
        ("", 421),
    ],
)
def test_names_ports_wildcards_and_addresses(client, host, status):
    assert client.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("image_api", "image_api:8000"),
        ("image_api:8000", "IMAGE_API:8000"),
        ("_front.example", "_front.example."),
        ("*.inner_net", "a_b.inner_net:1"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "XN--BCHER-KVA.example"),
        ("fd00::1", "[FD00:0::1]:8000"),
        ("[fd00::1]:8000", "[fd00::1]:8000"),
    ],
)
def test_names_with_underscores_of_any_script_and_ipv6(client_with, allowed, host):
    client = client_with(allowed_hosts=allowed)
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 200
    assert f"http://{host}/generate?" in answer.json["examples"]["picture"]
    assert client.get("/", headers={"Host": "evil_host"}).status_code == 421


def test_a_default_port_is_the_same_as_none(client_with):
    client = client_with(allowed_hosts="a.example:80")
    assert client.get("/", headers={"Host": "a.example"}).status_code == 200
    assert client.get("/", headers={"Host": "a.example:8080"}).status_code == 421


def test_the_host_that_a_trusted_proxy_forwards_counts(client_with):
    client = client_with(allowed_hosts="front.example", trusted_proxies="loopback")
    told = {"X-Forwarded-Host": "front.example", "Host": "inner"}
    assert client.get("/", headers=told).status_code == 200
    assert client.get("/", headers={**told, "X-Forwarded-Host": "evil.example"}).status_code == 421
    distrusting = client_with(allowed_hosts="front.example")
    assert distrusting.get("/", headers=told).status_code == 421


def test_every_host_is_allowed_by_default(client_with):
    assert client_with().get("/", headers={"Host": "whatever.example"}).status_code == 200


@pytest.mark.parametrize(
    "value", ["http://a.example", "a b", "*.", "*a", "a.*", "a/b", "[zz]", "a:b", "a'b", ",", "a:0", "a:99999", "a..b"]
)
def test_a_malformed_host_is_refused_at_start(value):
    with pytest.raises(ValidationError, match="allowed_hosts"):
        Settings(allowed_hosts=value)


def test_a_web_socket_is_checked_too():
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    with api(ALLOWED_HOSTS="localhost") as server:
        for host, status in (("evil.example", 421), ("localhost", 101)):
            headers = {**upgrade, "Host": host}
            with requests.get(f"{server.url}/stream/generate/txt2img", headers=headers, stream=True, timeout=10) as got:
                assert got.status_code == status
