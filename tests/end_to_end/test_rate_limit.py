"""RATE_LIMIT on real servers: clients by a trusted proxy, two processes with one Redis, and one that goes away."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bench.capacity import stub
from tests.fakes.processes import api
from tests.fakes.redis_server import RedisServer

VISITOR, OTHER = "203.0.113.9", "203.0.113.10"
LIMIT = {"RATE_LIMIT": "6 per day", "TRUSTED_PROXIES": "loopback", "WORKER_TOKEN": "of-all-processes"}


@pytest.fixture(scope="module")
def worker():
    with stub(0) as url:
        yield url


def asked(server, client: str) -> requests.Response:
    """Return the response to a client's request for a new picture, through a proxy."""
    url = f"{server.url}/generate?prompt=a+tree"
    return requests.get(url, headers={"X-Forwarded-For": client}, timeout=30)


def made(servers, client: str, times: int) -> int:
    """Return how many of so many requests at the same time get a picture; the others are refused as they should be."""
    with ThreadPoolExecutor(times) as pool:
        answers = list(pool.map(lambda number: asked(servers[number % len(servers)], client), range(times)))
    refused = [it for it in answers if it.status_code != 200]
    assert all(it.json()["code"] == "rate_limited" and int(it.headers["Retry-After"]) > 0 for it in refused)
    return len(answers) - len(refused)


def test_many_at_the_same_time_get_no_more_than_the_limit(worker):
    with api(PERCHANCE_WORKER_URL=worker, **LIMIT) as server:
        assert made([server], VISITOR, 16) == 6
        assert asked(server, OTHER).headers["RateLimit"].startswith('"day";r=5;')
        assert requests.get(f"{server.url}/generate?prompt=a+tree", timeout=30).status_code == 200  # this machine


def test_processes_count_together_as_long_as_redis_is_there(worker):
    with RedisServer() as redis:
        settings = {"PERCHANCE_WORKER_URL": worker, "REDIS_URL": redis.url, **LIMIT}
        with api(**settings) as first, api(**settings) as second:
            assert made([first, second], VISITOR, 16) == 6
            redis.stop()
            assert made([first], OTHER, 8) == 6  # in its own memory
            assert first.log().count("Redis does not respond") == 1
