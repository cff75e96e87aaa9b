"""Whose a job is: the machine's own only if the machine itself asks."""

import pytest

from image_api.services import services_of
from image_api.web.client_address import UNKNOWN
from image_api.web.jobs.owner import LOCAL, job_owner

HOME = {"REMOTE_ADDR": "127.0.0.1"}


def owner(client, peer="127.0.0.1", host="localhost:8000", **headers: str) -> str:
    """Return the owner of a request as the view sees it, behind the middleware of proxies."""
    found = []
    app = client.application
    app.before_request_funcs.setdefault(None, []).append(lambda: found.append(job_owner()))
    environ = {"REMOTE_ADDR": peer, **{f"HTTP_{name.upper()}": value for name, value in headers.items()}}
    client.get("/health", base_url=f"http://{host}", environ_overrides=environ)
    app.before_request_funcs[None].pop()
    return found[0]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:80", "box.localhost"])
def test_the_machine_itself_is_local(client, peer, host):
    assert owner(client, peer, host) == LOCAL


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.5", "192.168.1.2", "172.17.0.1", "::ffff:10.0.0.5", "fe80::1"])
def test_any_other_machine_is_not(client, peer):
    assert owner(client, peer) not in (LOCAL, UNKNOWN)
    assert owner(client, peer) == owner(client, peer)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "203.0.113.9"},
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": ""},
        {"forwarded": "for=203.0.113.9"},
        {"via": "1.1 proxy"},
        {"x_real_ip": "127.0.0.1"},
        {"x_forwarded_host": "localhost"},
        {"x_forwarded_proto": "https"},
        {"cf_connecting_ip": "203.0.113.9"},
    ],
    ids=str,
)
@pytest.mark.parametrize("proxies", [0, 1, "loopback", "private,loopback"])
def test_what_comes_by_a_proxy_on_the_machine_is_not(client_with, headers, proxies):
    assert owner(client_with(trusted_proxies=proxies), **headers) != LOCAL


@pytest.mark.parametrize("proxies", [0, 1, "loopback"])
def test_with_trusted_proxies_the_machine_itself_is_local_still(client_with, proxies):
    assert owner(client_with(trusted_proxies=proxies)) == LOCAL


@pytest.mark.parametrize("proxies", [1, "private"])
def test_clients_of_a_trusted_proxy_are_told_apart(client_with, proxies):
    client = client_with(trusted_proxies=proxies)
    found = {
        owner(client, "10.0.0.1", x_forwarded_for=address) for address in ("203.0.113.9", "203.0.113.8", "127.0.0.1")
    }
    assert len(found) == 3
    assert LOCAL not in found


def test_what_may_come_by_a_proxy_that_says_nothing_is_not(client):
    found = []
    client.application.before_request(lambda: found.append(job_owner()))
    client.get("/health", environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert len(found) == 1
    assert LOCAL not in found


def test_a_unix_socket_is_not(client):
    assert owner(client, "") == UNKNOWN
    assert owner(client, "", x_forwarded_for="127.0.0.1") == UNKNOWN


def test_a_proxy_that_is_not_declared_is_not(client):
    assert owner(client, x_forwarded_for="203.0.113.9") == UNKNOWN


def test_a_page_by_dns_rebinding_is_not(client, client_with):
    assert owner(client, host="evil.example:8000") != LOCAL
    assert owner(client, host="127.0.0.1.evil.example") != LOCAL
    assert owner(client_with(allowed_hosts="box.example"), host="box.example") == LOCAL


def test_another_site_s_page_in_the_machine_s_browser_is_not(client, client_with):
    assert owner(client, origin="https://evil.example") != LOCAL
    assert owner(client, origin="null") != LOCAL
    assert owner(client, origin="http://localhost:9000") != LOCAL
    assert owner(client, origin="http://localhost:8000") == LOCAL
    assert owner(client_with(cors_origins="https://own.example"), origin="https://own.example") == LOCAL


def test_an_owner_is_no_address_and_stays_the_same_over_restarts(client_with):
    owners = {owner(client_with(), "203.0.113.9") for _ in range(2)}
    [only] = owners
    assert "203" not in only
    assert len(only) == 32
    token = {owner(client_with(worker_token="a"), "203.0.113.9"), owner(client_with(worker_token="b"), "203.0.113.9")}
    assert len(token | owners) == 3


def test_the_owner_is_that_of_the_worker_s_client_if_there_is_a_token(client_with):
    found = services_of(client_with(worker_token="a").application)
    assert found.owner_ids.id_of("203.0.113.9") == found.client_ids.id_of("203.0.113.9")
