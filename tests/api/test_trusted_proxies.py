"""TRUSTED_PROXIES: the client of a request, and the proxies whose X-Forwarded headers are trusted."""

import json

import pytest
import simple_websocket
from pydantic import ValidationError

from image_api.client_ids import ClientIds
from image_api.networks import NETWORKS, networks_of
from image_api.settings import Settings
from image_api.web.trusted_proxies import CLIENT_ADDRESS, TrustedProxies
from tests.fakes.processes import api

EDGE = "162.158.1.1"  # one of Cloudflare's
PRIVATE = "10.1.2.3"
CLIENT_OF_ALL = "203.0.113.9"
ON_RENDER = ("private", "cloudflare")


def seen(trusted, forwarded=None, peer=PRIVATE, **headers: str) -> dict:
    """Return the environment that the application sees."""
    found: dict = {}
    forwards = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    proxies = TrustedProxies(lambda environ, _: found.update(environ) or [], trusted)
    start = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "own.example", "SCRIPT_NAME": ""}
    list(proxies({**start, **forwards, **headers}, lambda *_: None))
    return found


def client(trusted, forwarded=None, peer=PRIVATE) -> str | None:
    return seen(trusted, forwarded, peer)[CLIENT_ADDRESS]


def test_without_a_proxy_it_is_the_connection_s_address():
    assert client(0, peer=CLIENT_OF_ALL) == CLIENT_OF_ALL
    assert client(0, "1.1.1.1", peer=CLIENT_OF_ALL) == CLIENT_OF_ALL  # a stranger's header is ignored


@pytest.mark.parametrize(
    "forwarded",
    [
        f"{CLIENT_OF_ALL}, {EDGE}",
        CLIENT_OF_ALL,
        f"{CLIENT_OF_ALL}, {EDGE}, 10.9.9.9, {EDGE}",
        f"1.1.1.1, {CLIENT_OF_ALL},{EDGE}",  # what a client writes stands left of it
        f"10.0.0.1, {EDGE}, {CLIENT_OF_ALL}, {EDGE}",
        f'"{CLIENT_OF_ALL}:443", "[::ffff:{EDGE}]:80",, ,',
        f'", {CLIENT_OF_ALL}, {EDGE}',  # an open quote swallows nothing
        f"junk, {CLIENT_OF_ALL}, {EDGE}",
        f"{', '.join(['1.1.1.1'] * 5000)}, {CLIENT_OF_ALL}, {EDGE}",
        f"::ffff:{CLIENT_OF_ALL}, {EDGE}",
    ],
)
def test_the_first_address_from_the_right_that_is_not_trusted_is_the_client(forwarded):
    assert client(ON_RENDER, forwarded) == CLIENT_OF_ALL


@pytest.mark.parametrize("forwarded", ["", ",", EDGE, f"{PRIVATE}, {EDGE}"])
def test_a_list_that_is_all_trusted_gives_the_connection_s_address(forwarded):
    assert client(ON_RENDER, forwarded) == PRIVATE


@pytest.mark.parametrize(
    "junk",
    ["unknown", "_hidden", "1.2.3", "1.2.3.4.5", "[::1", "::g", "1.2.3.4:", "999.1.1.1", "\x00", "é", "1" * 9999],
)
def test_what_is_no_address_ends_the_walk_and_what_was_forged_before_it_does_not_count(junk):
    assert client(ON_RENDER, f"{CLIENT_OF_ALL}, {junk}, {EDGE}") == PRIVATE
    assert client(1, f"{CLIENT_OF_ALL}, {junk}") == PRIVATE


@pytest.mark.parametrize(("hops", "expected"), [(1, EDGE), (2, CLIENT_OF_ALL), (3, "1.1.1.1"), (4, PRIVATE)])
def test_by_a_number_so_many_hops_are_trusted(hops, expected):
    assert client(hops, f"1.1.1.1, {CLIENT_OF_ALL}, {EDGE}") == expected


def test_a_forged_quote_does_not_hide_what_a_proxy_appends():
    assert client(1, f'"a, {CLIENT_OF_ALL}') == CLIENT_OF_ALL


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.1", "fd00::1", "fe80::1%eth0", ""])
@pytest.mark.parametrize("trusted", [0, ("cloudflare",)])
def test_an_undeclared_proxy_is_warned_of_once_and_no_per_client_limit_applies(peer, trusted, caplog):
    found: dict = {}
    proxies = TrustedProxies(lambda environ, _: found.update(environ) or [], trusted)
    for _ in range(3):
        proxies({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": CLIENT_OF_ALL}, lambda *_: None)
        assert found[CLIENT_ADDRESS] is None
    assert [record.message for record in caplog.records if "TRUSTED_PROXIES" in record.message] == [
        caplog.records[0].message
    ]


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.5", CLIENT_OF_ALL])
def test_a_per_client_limit_applies_to_a_peer_that_forwards_nothing(peer, caplog):
    assert client(0, peer=peer) == peer
    assert caplog.records == []


def test_a_unix_socket_is_of_this_machine():
    assert client(("loopback",), CLIENT_OF_ALL, peer="") == CLIENT_OF_ALL
    assert client(("loopback",), "", peer="") is None


FORWARDED = {
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "front.example",
    "HTTP_X_FORWARDED_PREFIX": "/pictures/",
    "HTTP_X_FORWARDED_PORT": "8443",
}
NAMES = ("wsgi.url_scheme", "HTTP_HOST", "SCRIPT_NAME")


def told(trusted, forwarded=None, peer=PRIVATE, **headers: str) -> tuple:
    found = seen(trusted, forwarded, peer, **headers)
    return tuple(found[name] for name in NAMES)


@pytest.mark.parametrize("trusted", [1, ON_RENDER])
def test_scheme_host_port_and_prefix_are_taken_from_a_trusted_peer(trusted):
    assert told(trusted, CLIENT_OF_ALL, **FORWARDED) == ("https", "front.example:8443", "/pictures")


@pytest.mark.parametrize("trusted", [0, ("cloudflare",)])
@pytest.mark.parametrize("peer", [PRIVATE, CLIENT_OF_ALL, ""])
def test_and_from_no_other_peer(trusted, peer):
    assert told(trusted, CLIENT_OF_ALL, peer, **FORWARDED) == ("http", "own.example", "")


def test_of_several_values_the_outermost_trusted_proxy_s_counts():
    values = {"HTTP_X_FORWARDED_PROTO": "gopher,https,http", "HTTP_X_FORWARDED_HOST": "evil.example,front.example,in"}
    assert told(ON_RENDER, f"{CLIENT_OF_ALL}, {EDGE}", **values)[:2] == ("https", "front.example")
    assert told(2, f"{CLIENT_OF_ALL}, {EDGE}", **values)[:2] == ("https", "front.example")
    assert told(ON_RENDER, CLIENT_OF_ALL, **values)[:2] == ("http", "in")
    single = {"HTTP_X_FORWARDED_PROTO": "https"}
    assert told(ON_RENDER, f"{CLIENT_OF_ALL}, {EDGE}", **single)[0] == "https"


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("HTTPS", "https"),
        ("wss", "https"),
        ("WSS", "https"),
        ("Ws", "http"),
        ("ws", "http"),
        ("javascript", "http"),
        ("", "http"),
        ("file", "http"),
    ],
)
def test_only_schemes_of_the_web_are_known(scheme, expected):
    assert told(1, HTTP_X_FORWARDED_PROTO=scheme)[0] == expected


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "/a//b", "a", "/a/../b", "/a?b", "/a b", "/<x>", "/a\\b", "/%2e%2e", "/" + "a/" * 99]
)
def test_a_prefix_is_a_path_or_nothing(prefix):
    assert told(1, HTTP_X_FORWARDED_PREFIX=prefix)[2] == ""


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("a.example", "443", "a.example"),
        ("a.example", "80", "a.example"),
        ("a.example:8443", "443", "a.example:8443"),
        ("a_b", "8443", "a_b:8443"),
        ("a.example", " 8443 ", "a.example:8443"),
        ("a.example", "8443,80", "a.example"),  # of several the trusted proxy's
        ("[::1]", "9000", "[::1]:9000"),
        ("[::1]:1", "9000", "[::1]:1"),
        ("a.example", "99999", "a.example"),
        ("a.example", "-1", "a.example"),
        ("a.example", "9" * 5000, "a.example"),
        ("a.example", "²", "a.example"),
    ],
)
def test_a_port_is_added_to_a_host_without_one(host, port, expected):
    assert told(1, HTTP_X_FORWARDED_HOST=host, HTTP_X_FORWARDED_PORT=port)[1] == expected


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("/health", "/pictures", ("/pictures", "/health")),  # as Traefik and nginx strip it
        ("/pictures/health", "/pictures/", ("/pictures", "/health")),
        ("/pictures", "/pictures", ("/pictures", "/")),
        ("/picturesque/health", "/pictures", ("/pictures", "/picturesque/health")),
        ("/a/b/health", "/a/b", ("/a/b", "/health")),
        ("/health", "/health", ("/health", "/health")),  # a path of our own is not taken for a prefix
        ("/images/x.png", "/images", ("/images", "/images/x.png")),
        ("/images/images/x.png", "/images", ("/images", "/images/x.png")),
        ("/v1/images/generate", "/v1", ("/v1", "/v1/images/generate")),
        ("/pictures/health", "//evil.example", ("", "/pictures/health")),
    ],
)
def test_a_prefix_that_the_proxy_leaves_in_the_path_is_removed(client_with, path, prefix, expected):
    proxies = client_with(trusted_proxies=1).application.wsgi_app
    found: dict = {}
    proxies._app = lambda environ, _: found.update(environ) or []
    list(proxies({"PATH_INFO": path, "SCRIPT_NAME": "", "HTTP_X_FORWARDED_PREFIX": prefix}, lambda *_: None))
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == expected


def test_of_a_peer_that_is_not_trusted_no_prefix_is_removed(client_with):
    assert client_with().get("/pictures/health", headers={"X-Forwarded-Prefix": "/pictures"}).status_code == 404


@pytest.mark.parametrize("scheme", ["https", "wss", "WSS"])
def test_every_family_has_the_proxy_s_addresses(client_with, scheme):
    client = client_with(trusted_proxies="loopback")
    headers = {"X-Forwarded-Proto": scheme, "X-Forwarded-Host": "front_1", "X-Forwarded-Port": "8443"}
    headers["X-Forwarded-Prefix"] = "/p/"
    start = "https://front_1:8443/p/images/"
    for path in ("/generate", "/p/generate"):
        assert client.get(f"{path}?prompt=a", headers=headers).json["image_url"].startswith(start)
    stream = client.get("/generate?prompt=a", headers={**headers, "Accept": "text/event-stream"}).text
    assert f'"image_url":"{start}' in stream
    assert client.get("/generate?prompt=a&format=redirect", headers=headers).location.startswith(start)
    styled = client.post("/v1/images/generate", json={"prompt": "a"}, headers=headers).json
    assert styled["image_url"].startswith(start)
    openai = client.post("/v1/images/generations", json={"prompt": "a"}, headers=headers).json
    assert openai["data"][0]["url"].startswith(start)
    assert client.get("/images//x", headers=headers).location == "https://front_1:8443/p/images/x"


def test_a_web_socket_behind_traefik_gets_https_addresses(worker):
    with api(PERCHANCE_WORKER_URL=worker.url, TRUSTED_PROXIES="loopback") as server:
        headers = {"X-Forwarded-Proto": "wss", "X-Forwarded-Host": "image_api", "X-Forwarded-Prefix": "/p"}
        url = f"{server.url.replace('http', 'ws')}/stream/generate/txt2img"
        socket = simple_websocket.Client.connect(url, headers=headers)
        socket.send('{"prompt": "a"}')
        messages = iter(lambda: json.loads(socket.receive(20)), None)
        result = next(it["result"] for it in messages if "result" in it)
        socket.close()
    assert result["image_url"].startswith("https://image_api/p/images/")


def test_the_urls_in_responses_have_all_of_it(client_with):
    headers = {key.removeprefix("HTTP_").replace("_", "-"): text for key, text in FORWARDED.items()}
    page = client_with(trusted_proxies=("loopback",)).get("/", headers=headers).json
    assert "https://front.example:8443/pictures/generate?" in page["examples"]["picture"]


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Host"])
def test_a_malformed_host_is_refused_everywhere(client_with, worker, header):
    client = client_with(trusted_proxies=1)
    for path in ("/generate?prompt=a", "/", "/nowhere", "//generate", "/models"):
        assert client.get(path, headers={header: "a'b"}).status_code == 400, path
    assert worker.requests == []


class TestId:
    def test_it_is_the_same_for_processes_that_share_the_secret(self):
        assert ClientIds(b"a").id_of("1.2.3.4") == ClientIds(b"a").id_of("1.2.3.4")
        assert ClientIds(b"a").id_of("1.2.3.4") != ClientIds(b"b").id_of("1.2.3.4")
        assert ClientIds().id_of("1.2.3.4") != ClientIds().id_of("1.2.3.4")

    def test_ipv6_counts_by_network_and_mapped_ipv4_as_itself(self):
        clients = ClientIds(b"a")
        assert clients.id_of("2001:db8::1") == clients.id_of("2001:db8::ffff:1")
        assert clients.id_of("2001:db8::1") != clients.id_of("2001:db8:0:1::1")
        assert clients.id_of("::ffff:1.2.3.4") == clients.id_of("1.2.3.4")
        assert clients.id_of("1.2.3.4") != clients.id_of("1.2.3.5")

    def test_it_does_not_show_the_address_and_has_bounds(self):
        assert ClientIds(b"a").id_of(None) is None
        assert ClientIds(b"a").id_of("") is None
        assert len(ClientIds(b"a").id_of("1.2.3.4")) == 32


class TestSetting:
    @pytest.mark.parametrize(
        "value", ["private", "private, cloudflare", "10.0.0.0/8,::1", "loopback", "1.2.3.4", "0", "10"]
    )
    def test_it_takes_names_networks_addresses_or_a_number(self, value):
        entries = tuple(part.strip() for part in value.split(","))
        expected = int(value) if value.isdigit() else entries
        assert Settings(trusted_proxies=value).trusted_proxies == expected

    @pytest.mark.parametrize(
        "value", ["11", "-1", "1,private", "10.0.0.1/8", "everybody", "private;loopback", "9" * 30]
    )
    def test_anything_else_is_refused_at_start(self, value):
        with pytest.raises(ValidationError, match="trusted_proxies"):
            Settings(trusted_proxies=value)

    def test_a_mapped_network_is_ipv4_s(self):
        assert client(("::ffff:10.0.0.0/104",), CLIENT_OF_ALL, peer="10.3.3.3") == CLIENT_OF_ALL

    def test_the_names_stand_for_networks(self):
        assert set(NETWORKS) == {"loopback", "private", "cloudflare"}
        assert len(networks_of("cloudflare")) == 22
