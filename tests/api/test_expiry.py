"""A storage's signed link expires: no client gets one from the cache that has expired, or is about to."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from image_api.generation.results import MARGIN_SECONDS, valid_seconds
from render_worker.contract import GenerateResult
from tests.api.conftest import NAME, RESULT
from tests.fakes.redis_server import RedisServer

SEEDED = "/generate?prompt=a+tree&seed=7"
LINK = f"https://pictures.example/{NAME}?X-Amz-Signature=0a1b"


def ends_in(seconds: float) -> dict[str, object]:
    """Return a result whose link expires in `seconds`."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return {**RESULT, "image_url": LINK, "storage": "s3", "expires_at": end.isoformat(timespec="seconds")}


@pytest.fixture(scope="module")
def redis_server():
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def cached_client(request, client_with):
    if request.param == "memory":
        return client_with()
    server = request.getfixturevalue("redis_server")
    server.client.flushall()
    return client_with(redis_url=server.url)


def test_it_works(cached_client, worker):
    worker.say(200, ends_in(7200))
    first, second = cached_client.get(SEEDED), cached_client.get(SEEDED)
    assert [answer.headers["X-Cache"] for answer in (first, second)] == ["MISS", "HIT"]
    assert first.json["expires_at"] == second.json["expires_at"]
    assert second.json["image_url"] == LINK


@pytest.mark.parametrize("seconds", [-60, 0, MARGIN_SECONDS - 1])
def test_one_that_expires_soon_is_not_returned_again(cached_client, worker, seconds):
    worker.say(200, ends_in(seconds))
    assert [cached_client.get(SEEDED).headers["X-Cache"] for _ in range(2)] == ["MISS", "MISS"]
    assert len(worker.asked_to_make()) == 2


def test_it_is_cached_no_longer_than_it_is_valid(client_with, redis_server, worker):
    redis_server.client.flushall()
    worker.say(200, ends_in(MARGIN_SECONDS + 100))
    client_with(redis_url=redis_server.url).get(SEEDED)
    (key,) = redis_server.client.keys("img_cache:*")
    assert 90 < redis_server.client.ttl(key) <= 100


def test_one_that_expired_in_the_cache_is_no_hit(client_with, redis_server, worker):
    """As when another machine's clock is behind."""
    client = client_with(redis_url=redis_server.url)
    redis_server.client.flushall()
    client.get(SEEDED)
    (key,) = redis_server.client.keys("img_cache:*")
    redis_server.client.set(key, GenerateResult(**ends_in(10)).model_dump_json())
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_an_address_without_an_expiry_is_cached_as_ever(cached_client, worker):
    assert [cached_client.get(SEEDED).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [(None, math.inf), ("nonsense", -1), ("", -1), ("2020-01-01T00:00:00", -1), ("2020-01-01T00:00:00Z", -1)],
)
def test_what_is_no_moment_has_expired(expires_at, seconds):
    found = valid_seconds(GenerateResult(**{**RESULT, "expires_at": expires_at}))
    assert found == seconds or (seconds < 0 and found < 0)
