"""A daily budget is kept by the worker as a process: under a crowd, over restarts and kills, in a file and in Redis."""

import itertools
import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import requests

from tests.end_to_end.conftest import OPERATOR, TOKEN
from tests.fakes.processes import Sandbox, Server, sandbox, wait_until, worker
from tests.fakes.redis_server import RedisServer

PICTURES = 10  # that the budget is enough for


@pytest.fixture(scope="module")
def site() -> Iterator[Sandbox]:
    with sandbox() as started:
        requests.post(f"{started.url}/sandbox", json={"painted": "beforehand"}, timeout=30)
        yield started


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def kept(request, tmp_path):
    """Return the setting of where budgets are kept."""
    if request.param == "file":
        return {"BUDGET_FILE": tmp_path / "data" / "budgets.sqlite3"}
    server = request.getfixturevalue("redis")
    server.client.flushall()
    return {"REDIS_URL": server.url}


@contextmanager
def rendering(site, folder, **settings) -> Iterator[Server]:
    """Run a worker whose budget for Replicate is enough for PICTURES, after a reset of the sandbox's log."""
    requests.post(f"{site.url}/sandbox/reset", timeout=30).raise_for_status()
    with worker(
        **{
            "ENGINES": "replicate,horde",
            "ENGINE_DAILY_BUDGET": "replicate=0.3",
            "ENGINE_PRICES": "replicate=0.03",
            "ENGINE_FAILURES": 0,
            "ENGINE_CONCURRENCY": 20,
            "QUEUE_SIZE": 100,
            "GRACEFUL_TIMEOUT_SECONDS": 1,
            "HORDE_POLL_SECONDS": 0.2,
            "LOCAL_STORAGE_DIR": folder,
            "WORKER_TOKEN": TOKEN,
            **site.pointers("replicate", "horde"),
            **site.keys("replicate"),
            **settings,
        }
    ) as renderer:
        yield renderer


def bought(site) -> int:
    """Return how many predictions were created at the stand-in for Replicate."""
    log = requests.get(f"{site.url}/sandbox/log", timeout=30).json()
    return sum(entry["endpoint"] == "replicate" for entry in log)


def ask(renderer, **fields):
    body = {"prompt": "a tree", "timeout_seconds": 40, **fields}
    return requests.post(f"{renderer.url}/generate", json=body, headers=OPERATOR, timeout=60)


def crowd(renderer, number, **fields):
    """Return the responses to as many requests at once."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _: ask(renderer, **fields), range(number)))


def health(renderer) -> dict:
    return requests.get(f"{renderer.url}/health", headers=OPERATOR, timeout=30).json()["engines"]["replicate"]


def test_fifty_at_once_never_exceed_it_and_the_rest_go_on(site, tmp_path, kept):
    with rendering(site, tmp_path, **kept) as renderer:
        results = [answer.json() for answer in crowd(renderer, 50)]
        engines = [result.get("engine") for result in results]
        assert (engines.count("replicate"), engines.count("horde")) == (PICTURES, 50 - PICTURES)
        by_horde = [result["fallback_from"] for result in results if result["engine"] == "horde"]
        assert all(it == [{"engine": "replicate", "code": "engine_quota_exhausted"}] for it in by_horde)
        assert bought(site) == PICTURES
        state = health(renderer)
        assert (state["state"], state["details"]) == ("resting", {"budget_today": "$0.30", "spent_today": "$0.30"})
        refused = ask(renderer, model="replicate")
        assert (refused.status_code, refused.json()["code"]) == (503, "engine_quota_exhausted")
        assert 0 < refused.json()["retry_after"] <= 86_400
        strangers = requests.get(f"{renderer.url}/health", timeout=30).text
        assert "$0.30" not in strangers
        models = requests.get(f"{renderer.url}/models", headers=OPERATOR, timeout=30).json()["models"]
        about = next(it for it in models if it["name"] == "replicate")
        assert (about["state"], about["price"], about["success_rate"]) == ("resting", 0.03, 1)
        assert "budget of $0.30 a day" in about["reason"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_lasts_over_a_restart_in_the_middle_of_a_crowd(site, tmp_path, kept, how):
    with rendering(site, tmp_path, **kept) as renderer:
        assert [it.status_code for it in crowd(renderer, 4, model="replicate")] == [200] * 4
        requests.post(f"{site.url}/sandbox", json={"replicate": "stuck"}, timeout=30)
        with ThreadPoolExecutor(3) as pool:
            for _ in range(3):
                pool.submit(_ignored, renderer)
            wait_until(lambda: bought(site) == 7, "three that are stuck")
            if how == signal.SIGKILL:
                for process in renderer.tree()[1:]:
                    process.kill()
            renderer.stop(how)
        requests.post(f"{site.url}/sandbox", json={"replicate": "ok"}, timeout=30)
        renderer.start_again()
        wait_until(lambda: renderer._is_up(), "the worker")
        wait_until(lambda: health(renderer)["details"]["spent_today"] == "$0.21", "what it knows of the day")
        answers = crowd(renderer, 10, model="replicate")
        assert [it.status_code for it in answers].count(200) == 3
        assert bought(site) == PICTURES


def _ignored(renderer) -> None:
    with suppress(requests.RequestException):
        ask(renderer, model="replicate")


def test_two_workers_share_it(site, tmp_path, kept):
    with rendering(site, tmp_path, **kept) as one, rendering(site, tmp_path / "other", **kept) as two:
        with ThreadPoolExecutor(30) as pool:
            both = itertools.cycle((one, two))
            answers = list(pool.map(lambda each: ask(each, model="replicate"), itertools.islice(both, 30)))
        assert [it.status_code for it in answers].count(200) == PICTURES == bought(site)


@pytest.mark.parametrize(
    ("word", "counted"),
    [("unauthorized", False), ("invalid", False), ("throttled", False), ("no_credit", False)]
    + [(word, True) for word in ("internal", "hang", "reset", "nsfw", "failed", "no_output", "poll_unauthorized")],
)
def test_what_stays_counted_after_a_failure(site, tmp_path, word, counted):
    with rendering(site, tmp_path, BUDGET_FILE=tmp_path / "budgets", REPLICATE_REQUEST_SECONDS=1) as renderer:
        requests.post(f"{site.url}/sandbox", json={"replicate": word}, timeout=30)
        assert ask(renderer, model="replicate", timeout_seconds=15).status_code >= 400
        assert health(renderer)["details"]["spent_today"] == ("$0.03" if counted else "$0.00")


def test_a_host_that_is_not_there_costs_nothing(site, tmp_path):
    with rendering(site, tmp_path, BUDGET_FILE=tmp_path / "budgets", REPLICATE_URL="http://127.0.0.1:9") as renderer:
        assert ask(renderer, model="replicate").json()["code"] == "engine_unreachable"
        assert health(renderer)["details"]["spent_today"] == "$0.00"


def test_without_redis_nothing_is_bought(site, tmp_path):
    with rendering(site, tmp_path, REDIS_URL="redis://:a-password@127.0.0.1:9/0") as renderer:
        answer = ask(renderer)
        assert (answer.status_code, answer.json()["engine"]) == (200, "horde")
        assert answer.json()["fallback_from"] == [{"engine": "replicate", "code": "engine_budget_unavailable"}]
        named = ask(renderer, model="replicate")
        assert (named.status_code, named.json()["code"]) == (503, "engine_budget_unavailable")
        assert bought(site) == 0
        assert "a-password" not in renderer.log() + json.dumps(named.json())


def test_a_price_that_is_not_known_is_asked_for(site, tmp_path):
    unknown = {"REPLICATE_MODELS": "stability-ai/sdxl:7762fd07", "ENGINE_PRICES": ""}
    with rendering(site, tmp_path, BUDGET_FILE=tmp_path / "budgets", **unknown) as renderer:
        answer = ask(renderer, model="replicate")
        assert (answer.status_code, answer.json()["code"]) == (500, "engine_not_configured")
        assert "ENGINE_PRICES=replicate=" in answer.json()["error"]
        assert ask(renderer).json()["engine"] == "horde"
        assert health(renderer)["state"] == "down"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ENGINE_DAILY_BUDGET": "openai=1"}, "ENGINE_DAILY_BUDGET cannot be used: openai is not in ENGINES"),
        ({"ENGINE_DAILY_BUDGET": "replicate=-1"}, "ENGINE_DAILY_BUDGET cannot be used: each part must be"),
        ({"ENGINE_DAILY_BUDGET": "replicate"}, "number 1 is not"),
        ({"ENGINE_PRICES": "replicate=1e3"}, "ENGINE_PRICES cannot be used"),
        ({"BUDGET_FILE": "/dev/null/budgets"}, "BUDGET_FILE cannot be used"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL cannot be used"),
        ({"HEDGE": "paid"}, "HEDGE cannot be used"),
    ],
)
def test_what_cannot_be_kept_ends_the_start(site, tmp_path, settings, sentence):
    with pytest.raises(AssertionError) as caught, rendering(site, tmp_path, **settings):
        pass
    assert sentence in str(caught.value)
