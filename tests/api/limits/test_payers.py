"""Whose limits a request counts on: an account's, or those of the client at its address."""

import logging

import pytest

from tests.api.auth.conftest import ANN, BEN, Hub, bearer, site
from tests.api.auth.keys import declared
from tests.api.auth.test_signed_links import KEY, link
from tests.api.limits.visitors import OTHER, VISITOR, get, left

__all__ = ["site"]
NEW = "/generate?prompt=a+tree"
LOOPBACK, PROXY = "127.0.0.1", "10.1.2.3"
TOKEN = "the-operator-s-token"
LIMIT = {"rate_limit": "2 per day"}


def from_peer(client, peer: str, **headers: str):
    """Return the response to a request of a peer, such as a proxy."""
    return get(client, NEW, peer, headers={name.replace("_", "-"): it for name, it in headers.items()})


def is_limited(answer) -> bool:
    assert answer.status_code in (200, 429)
    return "RateLimit" in answer.headers


@pytest.mark.parametrize("peer", [LOOPBACK, "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_no_limit(client_with, peer):
    client = client_with(**LIMIT)
    answers = [from_peer(client, peer) for _ in range(3)]
    assert [(it.status_code, is_limited(it)) for it in answers] == [(200, False)] * 3


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 cache"},
        {"X-Forwarded-Proto": "https"},
        {"CF-Connecting-IP": "203.0.113.9"},
        {"Host": "pictures.example"},
        {"Origin": "https://elsewhere.example"},
    ],
)
@pytest.mark.parametrize("trusted", [0, ("loopback",)])
def test_what_comes_through_a_proxy_on_this_machine_or_from_another_site_s_page_has_one(client_with, trusted, headers):
    client = client_with(**LIMIT, trusted_proxies=trusted)
    answers = [from_peer(client, LOOPBACK, **headers) for _ in range(3)]
    assert [(it.status_code, is_limited(it)) for it in answers] == [(200, True), (200, True), (429, True)]


def test_by_a_trusted_proxy_each_client_has_its_own(client_with):
    client = client_with(**LIMIT, trusted_proxies=("private",))
    seen = [left(from_peer(client, PROXY, X_Forwarded_For=it)) for it in (VISITOR, VISITOR, OTHER)]
    assert seen == [1, 0, 1]


def test_what_a_client_writes_before_its_address_changes_nothing(client_with):
    client = client_with(**LIMIT, trusted_proxies=("private",))
    forged = [f"198.51.100.{number}, {VISITOR}" for number in range(3)]
    assert [from_peer(client, PROXY, X_Forwarded_For=it).status_code for it in forged] == [200, 200, 429]


def test_without_a_trusted_proxy_its_header_changes_nothing(client_with):
    client = client_with(**LIMIT)
    answers = [from_peer(client, VISITOR, X_Forwarded_For=f"198.51.100.{number}") for number in range(3)]
    assert [it.status_code for it in answers] == [200, 200, 429]


@pytest.mark.parametrize("peer", [PROXY, ""], ids=["undeclared proxy", "Unix socket"])
def test_clients_that_cannot_be_told_apart_share_one(client_with, peer, caplog):
    caplog.set_level(logging.WARNING)
    client = client_with(**LIMIT)
    answers = [from_peer(client, peer, X_Forwarded_For=it) for it in (VISITOR, OTHER, VISITOR)]
    assert [it.status_code for it in answers] == [200, 200, 429]
    assert "share one rate limit" in caplog.text


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
    ],
)
def test_a_network_of_ipv6_is_one_client(client_with, first, second, shared):
    client = client_with(**LIMIT)
    assert [left(get(client, NEW, first)), left(get(client, NEW, second))] == [1, 0 if shared else 1]


def test_off_is_no_limit(client_with):
    answers = [get(client_with(rate_limit="off"), NEW) for _ in range(25)]
    assert {(it.status_code, is_limited(it)) for it in answers} == {(200, False)}


def test_by_default_there_are_twenty_in_ten_minutes(client_with):
    client = client_with()
    assert get(client, NEW).headers["RateLimit-Policy"] == '"10-minutes";q=20;w=600'


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_the_operator_has_no_limit(client_with, auth):
    client = client_with(**LIMIT, auth=auth, worker_token=TOKEN)
    answers = [get(client, NEW, headers=bearer(TOKEN)) for _ in range(3)]
    assert [(it.status_code, is_limited(it)) for it in answers] == [(200, False)] * 3
    if auth == "none":
        assert is_limited(get(client, NEW, headers=bearer("another")))


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_a_key_has_its_own_limits_alone(client_with, auth):
    key, entry = declared("ann", per_minute=3, per_day=4)
    client = client_with(**LIMIT, auth=auth, api_keys=entry)
    answers = [get(client, NEW, address, headers=bearer(key)) for address in (VISITOR, OTHER, LOOPBACK, VISITOR)]
    assert [it.status_code for it in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"minute";q=3;w=60, "day";q=4;w=86400'
    assert '"day";r=1;' in answers[-1].headers["RateLimit"]
    if auth == "none":
        assert left(get(client, NEW)) == 1


def test_a_key_without_limits_has_none(client_with):
    key, entry = declared("ann")
    client = client_with(**LIMIT, api_keys=entry)
    answers = [get(client, NEW, headers=bearer(key)) for _ in range(4)]
    assert [(it.status_code, is_limited(it)) for it in answers] == [(200, False)] * 4


def test_keys_do_not_share_limits(client_with):
    pairs = [declared(name, per_day=1) for name in ("ann", "ben")]
    client = client_with(auth="keys", api_keys=",".join(entry for _, entry in pairs))
    tries = [get(client, NEW, headers=bearer(key)).status_code for key, _ in pairs * 2]
    assert tries == [200, 200, 429, 429]


def test_an_account_of_the_hub_has_the_limit_wherever_it_is(client_with, site):
    hub = Hub(site)
    hub.reset()
    client = client_with(**LIMIT, auth="huggingface", hub_url=hub.url)
    asked = [(ANN, VISITOR), (ANN, OTHER), (ANN, LOOPBACK), (BEN, VISITOR)]
    answers = [get(client, NEW, address, headers=headers) for headers, address in asked]
    assert [it.status_code for it in answers] == [200, 200, 429, 200]


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_a_signed_link_counts_on_the_limit_of_its_client(client_with, auth):
    client = client_with(**LIMIT, auth=auth, signing_keys=KEY)
    urls = [link("/generate", f"prompt=a+tree&seed={seed}") for seed in range(3)]
    assert [get(client, url).status_code for url in urls] == [200, 200, 429]
    assert get(client, urls[2], OTHER).status_code == 200
