"""AUTH=huggingface: which access tokens of the Hub are accepted, and what comes of each reply of the Hub."""

import pytest
from pydantic import ValidationError

from image_api.auth import answer_cache, hub_client, hub_tokens
from image_api.settings import Settings
from tests.api.auth.conftest import ANN, OPERATOR, OPERATORS_TOKEN, bearer

MAKE = "/generate?prompt=a"
READING = ["read", "contributor", "write", "admin", "fine", "finewrite", "fineodd", "null", "org", "app"]
NOT_READING = ["narrow", "bare", "odd", "steward", "oauth", "silent"]
FAILURES = {
    "too_many": 7,
    "too_many_absurd": 300,
    "too_many_silent": 5,
    **dict.fromkeys(("error_500", "teapot", "html", "empty", "empty_json", "wrong_types", "odd_grants", "deep"), 5),
    **dict.fromkeys(("endless", "redirect", "reset"), 5),
}


@pytest.mark.parametrize("kind", READING)
def test_a_token_with_read_access_is_accepted(client, kind):
    answer = client.get(MAKE, headers=bearer(f"hf_{kind}_ann"))
    assert (answer.status_code, answer.json["success"]) == (200, True)


@pytest.mark.parametrize("kind", NOT_READING)
def test_a_token_whose_read_access_is_not_known_is_forbidden(client, worker, kind):
    answer = client.get(MAKE, headers=bearer(f"hf_{kind}_ann"))
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert "create one of the type read" in answer.json["error"]
    assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope"')
    assert worker.requests == []


@pytest.mark.parametrize("token", ["hf_unknown_ann", "hf_x", "hf_" + "a" * 4000])
def test_a_token_that_the_hub_does_not_know_is_unauthorized(client, worker, hub, token):
    answer = client.get(MAKE, headers=bearer(token))
    assert (answer.status_code, answer.json["code"], hub.checks) == (401, "unauthorized", 1)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="image-generation-api", error="invalid_token"'
    assert worker.requests == []


def test_a_token_that_the_hub_refuses_is_forbidden(client, hub):
    hub.play("forbidden")
    assert client.get(MAKE, headers=ANN).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Bearer",
            "Bearer ",
            "bearer  ",
            "Basic aGY6eA==",
            "hf_read_ann",
            "Bearer hf_read_ann hf_read_ann",
            "Token x",
        ),
        *("Bearer hf_", "Bearer sk-anything", "Bearer hf_é", "Bearer hf_a\x00b", "Bearer hf_a\tb", "Bearer hf_a,b"),
        *("Bearer hf_" + "a" * 4001, "Bearer hf_a\N{NO-BREAK SPACE}", "Bearer " + OPERATORS_TOKEN + "x", "Bearer None"),
        *('Bearer "hf_read_ann"', "Bearer hf_read_ann; x=1", "Bearerhf_read_ann", ":", "é"),
    ],
)
def test_what_is_no_access_token_is_refused_without_asking_the_hub(client, worker, hub, header):
    answer = client.get(MAKE, headers={"Authorization": header})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert (hub.checks, worker.requests) == (0, [])


@pytest.mark.parametrize(("token", "name"), [("hf_read_ann", "ann"), ("hf_read_ben", "ben")])
def test_the_client_s_token_is_checked_whatever_else_the_address_has(hub, token, name):
    address = hub.url.replace("http://", "http://zoe:hf_read_zoe@")
    assert hub_client.HubClient(address, ()).account_of(token).name == name


@pytest.mark.parametrize("header", [None, "", "   "])
def test_a_request_without_a_credential_is_told_what_to_send(client, hub, header):
    answer = client.get(MAKE, headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="image-generation-api"')
    assert "Authorization: Bearer hf_" in answer.json["error"]
    assert hub.checks == 0


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer   "])
def test_the_scheme_comes_in_any_case(client, scheme):
    assert client.get(MAKE, headers={"Authorization": f"{scheme}hf_read_ann"}).status_code == 200


@pytest.mark.parametrize("name", ["token", "api_key", "access_token", "key", "authorization"])
def test_a_token_in_the_query_does_not_count(client, hub, name):
    assert client.get(f"{MAKE}&{name}=hf_read_ann").status_code == 401
    assert hub.checks == 0


@pytest.mark.parametrize(("fault", "seconds"), FAILURES.items())
def test_a_hub_that_cannot_tell_is_a_503_with_its_seconds(client, worker, hub, fault, seconds):
    hub.play(fault)
    answer = client.get(MAKE, headers=ANN)
    assert (answer.status_code, answer.json["code"]) == (503, "auth_unavailable")
    assert answer.json["error"].startswith("The Hugging Face Hub, which checks access tokens,")
    assert answer.json["retry_after"] == int(answer.headers["Retry-After"]) == seconds
    assert worker.requests == []


def test_so_is_one_that_is_down(client_with, settings):
    answer = client_with(**{**settings, "hub_url": "http://127.0.0.1:9"}).get(MAKE, headers=ANN)
    assert (answer.status_code, answer.json["code"]) == (503, "auth_unavailable")


def test_so_is_one_that_hangs(client, hub, monkeypatch):
    monkeypatch.setattr(hub_client, "ANSWER_SECONDS", 0.2)
    hub.play("hang")
    assert client.get(MAKE, headers=ANN).status_code == 503


def test_an_account_is_known_still_if_the_hub_fails_later(client, hub, monkeypatch):
    monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
    assert client.get(MAKE, headers=ANN).status_code == 200
    hub.play("error_500")
    assert [client.get(MAKE, headers=ANN).status_code for _ in range(3)] == [200] * 3
    assert client.get(MAKE, headers=bearer("hf_read_new")).status_code == 503


def test_but_not_for_long(client, hub, monkeypatch):
    monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
    monkeypatch.setattr(answer_cache, "STALE_SECONDS", 0)
    assert client.get(MAKE, headers=ANN).status_code == 200
    hub.play("error_500")
    assert client.get(MAKE, headers=ANN).status_code == 503


def test_a_token_that_was_revoked_is_refused_soon(client, hub, monkeypatch):
    monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
    assert client.get(MAKE, headers=ANN).status_code == 200
    hub.play("forbidden")
    assert client.get(MAKE, headers=ANN).status_code == 403


def test_the_operator_s_token_needs_no_hub(client, hub):
    assert client.get(MAKE, headers=OPERATOR).status_code == 200
    assert hub.checks == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"auth": "openid"},
        {"auth": "HUGGINGFACE "},
        {"auth": "huggingface", "hub_url": "ftp://hub.example"},
        {"auth": "huggingface", "hub_url": "https://hub.example?x=1"},
        *({"auth": "huggingface", "hub_url": f"https://{it}hub.example"} for it in ("ann:pw@", "ann@", ":pw@", "@")),
        {"auth": "huggingface", "admin_accounts": "an account"},
        {"admin_accounts": "ann"},
        {"auth": "none", "admin_accounts": "ann"},
        {"auth": "keys", "admin_accounts": "ann"},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings):
    with pytest.raises(ValidationError):
        Settings(**settings)
