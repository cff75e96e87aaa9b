"""API keys: those of API_KEYS and of the database, what each may do, and what a wrong one gets."""

import time
from types import SimpleNamespace

import pytest

from image_api.auth import api_keys, refusal_limit
from image_api.auth.api_key import hash_of, new_key
from image_api.auth.errors import AuthUnavailable
from image_api.credentials.credentials import Credentials
from image_api.services import services_of
from tests.api.auth.conftest import OPERATORS_TOKEN
from tests.api.auth.keys import MAKE, add, code, declared, sent, store_at
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import wait_until

HEADERS = ["Authorization", "X-API-Key", "api-key"]


@pytest.fixture
def client(client_with, database_url):
    return client_with(auth="keys", database_url=database_url, worker_token=OPERATORS_TOKEN)


class TestStored:
    """Keys of the jobs' database, SQLite's and PostgreSQL's."""

    @pytest.mark.parametrize("header", HEADERS)
    def test_one_is_accepted_by_each_header(self, client, store, header):
        assert client.get(MAKE, headers=sent(add(store, "blog"), header)).status_code == 200

    def test_it_is_valid_at_once(self, client, store):
        assert client.get(MAKE, headers=sent(new_key())).status_code == 401
        assert code(client, add(store, "blog")) == 200

    def test_one_that_was_revoked_is_refused_within_moments(self, client, store):
        key = add(store, "blog")
        assert code(client, key) == 200
        store.revoke_key("blog")
        wait_until(lambda: code(client, key) == 401, "the revocation holds", 10)
        assert "was revoked at 20" in client.get(MAKE, headers=sent(key)).json["error"]

    def test_one_that_has_expired_is_refused(self, client, store):
        key = add(store, "blog", expires_at=time.time() - 60)
        answer = client.get(MAKE, headers=sent(key))
        assert (answer.status_code, "expired at 20" in answer.json["error"]) == (401, True)
        assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')

    def test_a_rotated_one_is_replaced_and_stays_the_same_account(self, client, store):
        first, second = add(store, "blog"), new_key()
        account = services_of(client.application).api_keys.account_of(first, None)
        store.rotate_key("blog", hash_of(second))
        assert code(client, second) == 200
        wait_until(lambda: code(client, first) == 401, "the first one is refused", 10)
        assert services_of(client.application).api_keys.account_of(second, None) == account
        assert account.id.startswith("key:")

    def test_its_limits_are_its_account_s(self, client, store):
        key = add(store, "blog", per_minute=3, per_day=5, budget=1_500_000)
        allowance = services_of(client.application).api_keys.account_of(key, None).allowance
        assert (allowance.per_minute, allowance.per_day, allowance.budget) == (3, 5, 1_500_000)


@pytest.mark.parametrize(
    "credential", ["ig_short", "sk-anything", "hf_read_ann", "ig_" + "é" * 43, "ig_" + "x" * 44, "x" * 46], ids=ascii
)
def test_what_is_no_key_is_refused_without_a_look_up(client_with, credential):
    client = client_with(auth="keys")
    answer = client.get(MAKE, headers={"X-API-Key": credential})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert not services_of(client.application).credentials._loading.is_begun


class TestDeclared:
    def test_it_needs_no_database(self, client_with):
        key, entry = declared("blog", per_minute=3)
        client = client_with(auth="keys", api_keys=entry, database_url="postgresql://nobody@127.0.0.1:1/none")
        assert code(client, key) == 200
        account = services_of(client.application).api_keys.account_of(key, None)
        assert (account.id, account.name, account.allowance.per_minute) == ("key:env:blog", "blog", 3)

    def test_one_that_has_expired_is_refused(self, client_with):
        key, entry = declared("blog", expires_at=1_000_000_000)
        answer = client_with(auth="keys", api_keys=entry).get(MAKE, headers=sent(key))
        assert (answer.status_code, answer.json["error"]) == (401, "This API key expired at 2001-09-09 01:46 UTC.")

    def test_guesses_do_not_lock_it_out(self, client_with):
        key, entry = declared("blog")
        client = client_with(auth="keys", api_keys=entry)
        codes = [code(client, new_key()) for _ in range(2 * refusal_limit.BURST)]
        assert codes == [401] * refusal_limit.BURST + [429] * refusal_limit.BURST
        assert code(client, key) == 200


def test_guesses_are_limited_and_a_known_key_is_not(client, store):
    key = add(store, "blog")
    assert code(client, key) == 200
    codes = [code(client, new_key()) for _ in range(2 * refusal_limit.BURST)]
    assert codes == [401] * refusal_limit.BURST + [429] * refusal_limit.BURST
    assert code(client, key) == 200


def test_one_wrong_key_on_and_on_counts_once(client_with, monkeypatch):
    monkeypatch.setattr(api_keys.LIFETIMES, "refusal", 0)
    client, key = client_with(auth="keys"), new_key()
    assert {code(client, key) for _ in range(3 * refusal_limit.BURST)} == {401}
    assert code(client, new_key()) == 401


def test_without_its_database_known_keys_stay_valid_and_others_get_503(client_with, monkeypatch):
    monkeypatch.setattr(api_keys.LIFETIMES, "account", 0)
    with PostgresServer() as server, store_at(server.url) as store:
        (known, entry), first, second = declared("declared"), add(store, "first"), add(store, "second")
        client = client_with(auth="keys", database_url=server.url, api_keys=entry)
        assert code(client, first) == 200
        server.kill()
        assert [code(client, it) for it in (known, first, first)] == [200] * 3
        answer = client.get(MAKE, headers=sent(second))
        assert (answer.status_code, answer.json["code"]) == (503, "auth_unavailable")
        assert answer.json["retry_after"] == int(answer.headers["Retry-After"])
        server.start()
        wait_until(lambda: code(client, second) == 200, "the database is asked again", 30)


def test_one_that_expires_while_its_database_is_out_of_reach_is_refused(client_with, monkeypatch, tmp_path):
    file = tmp_path / "jobs.db"
    with store_at(f"sqlite:///{file}") as store:
        key, lasting = add(store, "blog", expires_at=time.time() + 3600), add(store, "other")
    client = client_with(auth="keys", database_url=f"sqlite:///{file}")
    assert [code(client, it) for it in (key, lasting)] == [200, 200]
    monkeypatch.setattr(Credentials, "find_key", _out_of_reach)
    now = time.time
    monkeypatch.setattr(api_keys, "time", SimpleNamespace(time=lambda: now() + 3601))
    answer = client.get(MAKE, headers=sent(key))
    assert (answer.status_code, "expired at 20" in answer.json["error"]) == (401, True)
    assert code(client, lasting) == 200


def _out_of_reach(self, digest):
    raise AuthUnavailable("down")


SCOPES = [
    ("GET", MAKE, {"generate"}),
    ("POST", "/v1/images/generations", {"generate"}),
    ("GET", "/v1/models", {"generate"}),
    ("POST", "/api/v1/generate", {"generate", "jobs"}),
    ("GET", "/api/v1/jobs", {"jobs"}),
    ("POST", "/v1/models/load", {"admin"}),
    ("POST", "/v1/loras/unload", {"admin"}),
]


@pytest.mark.parametrize("auth", ["keys", "none"])
@pytest.mark.parametrize(("method", "path", "needed"), SCOPES, ids=lambda it: it if isinstance(it, str) else "")
@pytest.mark.parametrize("lacking", [{"generate"}, {"jobs", "admin"}, {"admin"}], ids=sorted)
def test_each_scope_is_needed_where_it_says(client_with, worker, auth, method, path, needed, lacking):
    worker.say_to("/models", 200, {"models": []})
    key, entry = declared("blog", scopes=tuple({"generate", "jobs", "admin"} - lacking))
    client = client_with(auth=auth, api_keys=entry)
    answer = client.open(path, method=method, headers=sent(key), json={"prompt": "a"} if method == "POST" else None)
    if lacked := lacking & needed:
        assert (answer.status_code, f"scope {lacked.pop()}" in answer.text) == (403, True)
        assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope"')
    else:
        assert answer.status_code not in (401, 403)


def test_an_admin_sees_and_loads_what_others_do_not(client_with, worker):
    key, entry = declared("boss", scopes=("admin",))
    client = client_with(auth="keys", api_keys=entry)
    worker.say(200, {"success": True})
    assert code(client, key, "/v1/models/load", "POST") not in (401, 403)
    assert client.get("/api/v1/jobs", headers=sent(key)).status_code == 200
    assert code(client, key) == 403


class TestInTheAddress:
    """A key in an address is refused, and never repeated."""

    @pytest.mark.parametrize("name", ["api_key", "key", "token", "access_token", "API_KEY", "api-key"])
    @pytest.mark.parametrize("path", ["/generate?prompt=a&", "/generate.png?prompt=a&", "/v1/images/generations?"])
    def test_it_is_refused(self, client_with, caplog, name, path):
        key, entry = declared("blog")
        method = "POST" if path.startswith("/v1") else "GET"
        answer = client_with(auth="keys", api_keys=entry).open(f"{path}{name}={key}", method=method)
        assert (answer.status_code, "in an address is not accepted" in answer.text) == (401, True)
        assert key not in answer.text + str(answer.headers) + caplog.text

    @pytest.mark.parametrize("auth", ["none", "keys"])
    @pytest.mark.parametrize("name", ["api_key", "Token"])
    @pytest.mark.parametrize("path", ["/generate?prompt=a", "/sheet.png?prompt=a&seeds=2", "/v1/images/generations?"])
    def test_beside_a_right_one_and_without_auth_the_parameter_is_unknown(self, client_with, auth, name, path):
        key, entry = declared("blog")
        client, method = client_with(auth=auth, api_keys=entry), "POST" if path.startswith("/v1") else "GET"
        answer = client.open(f"{path}&{name}={key}", method=method, headers=sent(key) if auth == "keys" else {})
        assert (answer.status_code, key in answer.text) == (400, False)
        assert "may be in logs and histories now" in answer.text

    def test_other_errors_say_nothing_of_credentials(self, client_with):
        assert "logs" not in client_with().get("/generate?prompt=a&sede=7").text


def test_a_key_counts_beside_the_hub_s_tokens(client_with, settings):
    key, entry = declared("blog")
    client = client_with(**settings, api_keys=entry)
    assert code(client, key) == 200
    assert code(client, new_key()) == 401
    assert code(client, "hf_read_ann") == 200
