"""The cache of checked tokens: how often the Hub is asked, what is kept, and what is not."""

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from image_api.auth import credential_checks, hub_tokens, refusal_limit
from image_api.auth.account import GENERATE, Account
from image_api.auth.answer_cache import AnswerCache, Refusal
from image_api.auth.errors import AuthUnavailable, Forbidden, InvalidCredential, Unauthorized
from image_api.auth.hub_client import CHECK_SLOTS
from image_api.auth.hub_tokens import LIFETIMES, HubTokens
from image_api.errors import ApiError
from tests.api.auth.conftest import ANN, BEN, bearer
from tests.fakes.processes import wait_until
from tests.fakes.scripted_server import ScriptedServer

MAKE = "/generate?prompt=a"
SECRET = "hf_read_SecretSecret"
ACCOUNT = Account("huggingface:1", "ann", frozenset({GENERATE}))
WHOAMI = b'{"type": "user", "id": "1", "name": "ann", "auth": {"accessToken": {"role": "read"}}}'


@pytest.fixture
def server():
    with ScriptedServer() as running:
        running.say(200, WHOAMI)
        yield running


def answer_of(tokens: HubTokens, token: str, client: str | None = None) -> str:
    try:
        return tokens.account_of(token, client).id
    except ApiError as error:
        return error.code


def test_a_token_is_checked_once(client, hub):
    assert {client.get(MAKE, headers=ANN).status_code for _ in range(20)} == {200}
    assert hub.checks == 1
    assert client.get(MAKE, headers=BEN).status_code == 200
    assert hub.checks == 2


@pytest.mark.parametrize(("token", "status"), [("hf_unknown_a", 401), ("hf_oauth_a", 403)])
def test_so_is_one_that_is_refused(client, hub, token, status):
    assert {client.get(MAKE, headers=bearer(token)).status_code for _ in range(20)} == {status}
    assert hub.checks == 1


@pytest.mark.parametrize("fault", ["too_many", "error_500", "reset"])
def test_a_failure_is_not_repeated_at_once(client, hub, fault):
    hub.play(fault)
    assert {client.get(MAKE, headers=ANN).status_code for _ in range(20)} == {503}
    assert hub.checks == 1


def test_it_is_repeated_a_little_later(client, hub, monkeypatch):
    monkeypatch.setattr(AuthUnavailable, "retry_after", 1)
    hub.play("error_500")
    assert client.get(MAKE, headers=ANN).status_code == 503
    hub.play("ok")
    wait_until(lambda: client.get(MAKE, headers=ANN).status_code == 200, "the Hub is asked again", 20)


@pytest.mark.parametrize(
    ("status", "found"), [(200, "huggingface:1"), (401, "unauthorized"), (500, "auth_unavailable")]
)
def test_concurrent_checks_of_one_token_are_coalesced(server, status, found):
    server.say(status, WHOAMI)
    tokens, ready = HubTokens(server.url, ()), threading.Barrier(60)

    def check() -> str:
        ready.wait()
        return answer_of(tokens, "hf_x")

    with ThreadPoolExecutor(60) as pool:
        assert {it.result(30) for it in [pool.submit(check) for _ in range(60)]} == {found}
    assert len(server.asked) == 1
    assert tokens.checks._in_flight == {}


def test_checks_of_many_tokens_are_right_each(client, hub, monkeypatch):
    kinds = {"read": 200, "unknown": 401, "oauth": 403}
    expected = {f"hf_{kind}_a{number}": status for number in range(10) for kind, status in kinds.items()}
    application = client.application

    def status(token: str) -> int:
        return application.test_client().get(MAKE, headers=bearer(token)).status_code

    monkeypatch.setattr(refusal_limit, "BURST", 100)
    with ThreadPoolExecutor(30) as pool:
        assert dict(zip(expected, pool.map(status, expected), strict=True)) == expected
    assert hub.checks == 30


def test_a_hub_that_hangs_holds_few_connections(monkeypatch):
    monkeypatch.setattr(credential_checks, "SLOT_SECONDS", 0.1)
    tokens, released, held = HubTokens("http://hub.example", ()), threading.Event(), []

    def hang(token: str) -> Account:
        held.append(token)
        released.wait(60)
        return ACCOUNT

    monkeypatch.setattr(tokens.checks, "source", replace(tokens.checks.source, account_of=hang))
    with ThreadPoolExecutor(100) as pool:
        found = [pool.submit(answer_of, tokens, f"hf_{number}") for number in range(100)]
        wait_until(lambda: sum(it.done() for it in found) == 100 - CHECK_SLOTS, "the others are refused")
        assert len(held) == CHECK_SLOTS
        released.set()
        answers = Counter(it.result(20) for it in found)
    assert answers == {ACCOUNT.id: CHECK_SLOTS, "auth_unavailable": 100 - CHECK_SLOTS}
    assert tokens.checks._in_flight == {}


def test_a_hub_that_hangs_holds_up_no_known_account(server, monkeypatch):
    monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
    tokens, released, checks = HubTokens(server.url, ()), threading.Event(), []
    assert answer_of(tokens, "hf_x") == "huggingface:1"

    def hang(token: str) -> Account:
        checks.append(token)
        released.wait(60)
        raise InvalidCredential("It was revoked.")

    monkeypatch.setattr(tokens.checks, "source", replace(tokens.checks.source, account_of=hang))
    monkeypatch.setattr(credential_checks, "STALE_WAIT_SECONDS", 0.05)
    assert {answer_of(tokens, "hf_x") for _ in range(5)} == {"huggingface:1"}
    assert checks == ["hf_x"]
    released.set()
    wait_until(lambda: answer_of(tokens, "hf_x") == "unauthorized", "the check has ended")
    wait_until(lambda: tokens.checks._in_flight == {}, "nothing is left of it")
    assert checks == ["hf_x"]


def test_no_token_is_in_the_log_or_an_answer_or_what_is_kept(client, hub, caplog):
    caplog.set_level(logging.DEBUG)
    texts = []
    for fault in ("ok", "too_many", "error_500", "wrong_types", "reset", "redirect", "forbidden"):
        hub.play(fault)
        for token in (f"{SECRET}{fault}", f"hf_unknown_{SECRET}{fault}", f"hf_{SECRET}\x7f"):
            answer = client.get(MAKE, headers=bearer(token))
            texts += [answer.text, str(answer.headers)]
    assert SECRET not in "".join(texts) + caplog.text
    tokens = client.application.extensions["image_api"].authenticator
    kept = [*tokens.checks.answers._accounts, *tokens.checks.answers._refusals]
    assert kept
    assert not any(SECRET.encode() in key for key in kept)
    assert SECRET not in repr(vars(tokens.checks)) + repr(vars(tokens.checks.answers))


def test_keys_of_two_processes_differ(server):
    keys = []
    for tokens in (HubTokens(server.url, ()), HubTokens(server.url, ())):
        tokens.account_of("hf_x", None)
        keys += tokens.checks.answers._accounts
    assert len(set(keys)) == 2


def test_a_check_that_is_killed_is_not_the_others_fault(server, monkeypatch):
    tokens = HubTokens(server.url, ())
    monkeypatch.setattr(
        tokens.checks, "source", replace(tokens.checks.source, account_of=lambda _: (_ for _ in ()).throw(SystemExit))
    )
    with pytest.raises(SystemExit):
        tokens.account_of("hf_x", None)
    monkeypatch.undo()
    assert tokens.checks._in_flight == {}
    assert tokens.account_of("hf_x", None).name == "ann"


class TestRefusalLimit:
    """Guesses of one client are checked up to a limit; other clients have their own."""

    HERE, ELSEWHERE = {"REMOTE_ADDR": "203.0.113.5"}, {"REMOTE_ADDR": "203.0.113.6"}

    def guess(self, client, number: int, peer=HERE):
        return client.get(MAKE, headers=bearer(f"hf_unknown_{number}"), environ_overrides=peer)

    def test_guesses_are_limited(self, client, hub):
        found = [self.guess(client, number) for number in range(2 * refusal_limit.BURST)]
        assert [it.status_code for it in found] == [401] * refusal_limit.BURST + [429] * refusal_limit.BURST
        assert (found[-1].json["code"], hub.checks) == ("too_many_attempts", refusal_limit.BURST)
        assert 1 <= int(found[-1].headers["Retry-After"]) <= refusal_limit.SECONDS_EACH

    def test_nothing_else_is(self, client, hub):
        assert client.get(MAKE, headers=ANN, environ_overrides=self.HERE).status_code == 200
        for number in range(2 * refusal_limit.BURST):
            self.guess(client, number)
        assert client.get(MAKE, headers=BEN, environ_overrides=self.ELSEWHERE).status_code == 200
        assert client.get(MAKE, headers=ANN, environ_overrides=self.HERE).status_code == 200
        assert self.guess(client, 0).status_code == 401
        assert self.guess(client, 0, self.ELSEWHERE).status_code == 401

    def test_a_wrong_token_that_is_sent_on_and_on_counts_once(self, client):
        assert {self.guess(client, 1).status_code for _ in range(3 * refusal_limit.BURST)} == {401}
        assert self.guess(client, 2).status_code == 401

    def test_a_token_that_was_valid_is_checked_again_whatever_its_neighbours_send(self, client, monkeypatch):
        monkeypatch.setattr(hub_tokens.LIFETIMES, "account", 0)
        assert client.get(MAKE, headers=ANN, environ_overrides=self.HERE).status_code == 200
        for number in range(refusal_limit.BURST + 1):
            self.guess(client, number)
        assert client.get(MAKE, headers=ANN, environ_overrides=self.HERE).status_code == 200
        assert client.get(MAKE, headers=BEN, environ_overrides=self.HERE).status_code == 429

    def test_so_does_one_of_many_requests_at_once(self, server):
        server.say(401)
        tokens, ready = HubTokens(server.url, ()), threading.Barrier(40)

        def check() -> str:
            ready.wait()
            return answer_of(tokens, "hf_wrong", "a-client")

        with ThreadPoolExecutor(40) as pool:
            assert {it.result(30) for it in [pool.submit(check) for _ in range(40)]} == {"unauthorized"}
        server.say(200, WHOAMI)
        assert answer_of(tokens, "hf_right", "a-client") == "huggingface:1"

    def test_a_hub_that_fails_counts_for_no_client(self, client, hub):
        hub.play("error_500")
        found = {self.guess(client, number).status_code for number in range(2 * refusal_limit.BURST)}
        assert found == {503}

    def test_it_ends(self):
        now = [100.0]
        limit = refusal_limit.RefusalLimit(lambda: now[0])
        for _ in range(refusal_limit.BURST):
            assert limit.seconds("a") == 0
            limit.count("a")
        assert limit.seconds("a") == refusal_limit.SECONDS_EACH
        now[0] += refusal_limit.SECONDS_EACH
        assert limit.seconds("a") == 0
        limit.count("a")
        assert limit.seconds("a") > 0
        now[0] += refusal_limit.SECONDS_EACH * refusal_limit.BURST
        assert limit.seconds("a") == 0

    def test_it_remembers_so_many_clients(self, monkeypatch):
        monkeypatch.setattr(refusal_limit, "MAX_CLIENTS", 3)
        limit = refusal_limit.RefusalLimit()
        for number in range(10):
            limit.count(str(number))
        limit.count(None)
        assert list(limit._free_at) == ["7", "8", "9"]


class TestAnswerCache:
    def test_invented_tokens_evict_no_valid_one(self):
        cache = AnswerCache(LIFETIMES, max_accounts=3, max_refusals=3)
        cache.add(b"valid", ACCOUNT)
        for number in range(100):
            cache.add(f"{number}".encode(), Refusal.of(InvalidCredential("no")))
        assert cache.get(b"valid") is ACCOUNT
        assert len(cache._refusals) == 3

    def test_the_least_recently_used_account_is_evicted(self):
        cache = AnswerCache(LIFETIMES, max_accounts=2)
        for key in (b"a", b"b"):
            cache.add(key, ACCOUNT)
        assert cache.get(b"a")
        cache.add(b"c", ACCOUNT)
        assert [key for key in (b"a", b"b", b"c") if cache.get(key)] == [b"a", b"c"]

    def test_a_refusal_ends_what_was_known_before(self):
        cache = AnswerCache(LIFETIMES)
        cache.add(b"a", ACCOUNT)
        cache.add(b"a", Refusal.of(InvalidCredential("no")))
        assert isinstance(cache.get(b"a"), Refusal)
        cache.add(b"a", Refusal.of(AuthUnavailable("later")))
        assert isinstance(cache.get(b"a"), Refusal)

    def test_and_an_account_ends_a_refusal(self):
        cache = AnswerCache(LIFETIMES)
        cache.add(b"a", Refusal.of(InvalidCredential("no")))
        cache.add(b"a", ACCOUNT)
        assert (cache.get(b"a"), len(cache._refusals)) == (ACCOUNT, 0)

    @pytest.mark.parametrize(
        "error", [Unauthorized("a"), InvalidCredential("b"), Forbidden("c"), AuthUnavailable("d", 9)]
    )
    def test_a_cached_error_is_a_new_one_each_time(self, error):
        refusal = Refusal.of(error)
        first, second = refusal.error(), refusal.error()
        assert first is not second
        assert (type(first), str(first), first.body()) == (type(error), str(error), error.body())
