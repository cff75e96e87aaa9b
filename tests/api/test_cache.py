"""Results come from the cache, and identical requests in flight are coalesced."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.services import services_of
from render_worker.contract import Recipe
from tests.api.conftest import NAME, RESULT
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

SEEDED = "/generate?prompt=a+tree&seed=7"
FAILURE = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}


@pytest.fixture(scope="module")
def redis_server():
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def cache_settings(request):
    if request.param == "memory":
        return {}
    server = request.getfixturevalue("redis_server")
    server.client.flushall()
    return {"redis_url": server.url}


@pytest.fixture
def cached_client(client_with, cache_settings):
    return client_with(**cache_settings)


def test_the_same_request_is_answered_with_the_same_picture(cached_client, worker):
    first, second = cached_client.get(SEEDED), cached_client.get(SEEDED)
    assert (first.headers["X-Cache"], first.json["cached"]) == ("MISS", False)
    assert (second.headers["X-Cache"], second.json["cached"]) == ("HIT", True)
    kept = {"image_url", "seed", "sha256", "created_at", "duration_ms"}
    assert {name: second.json[name] for name in kept} == {name: first.json[name] for name in kept}
    assert second.json["request_id"] == second.headers["X-Request-ID"] != first.json["request_id"]
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize(
    "other", ["prompt=a+bee&seed=7", "prompt=a+tree&seed=8", "prompt=a+tree&seed=7&shape=portrait&format=json"]
)
def test_another_request_is_not(cached_client, worker, other):
    cached_client.get(SEEDED)
    assert cached_client.get(f"/generate?{other}").headers["X-Cache"] == "MISS"
    assert len(worker.asked_to_make()) == 2


def test_a_lora_by_its_other_name_is_the_same(cached_client, worker):
    worker.say(200, {**RESULT, "lora_path": "inks/ink.safetensors"})
    answers = [cached_client.get(f"{SEEDED}&lora_path=inks/{name}") for name in ("ink.safetensors", "ink", "inker")]
    assert [it.headers["X-Cache"] for it in answers] == ["MISS", "HIT", "MISS"]
    assert [it.json["lora_path"] for it in answers[:2]] == ["inks/ink.safetensors", "inks/ink"]


def test_what_does_not_change_the_picture_does_not_matter(cached_client, worker):
    cached_client.get(SEEDED)
    assert cached_client.get(SEEDED + "&shape=square&format=redirect").headers["X-Cache"] == "HIT"
    assert cached_client.post("/generate", json={"seed": 7, "prompt": " a tree "}).headers["X-Cache"] == "HIT"
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize(
    ("before", "soon_forgotten"), [("engine_busy", True), ("engine_not_configured", False), (None, False)]
)
def test_a_degraded_fallback_result_is_cached_for_a_short_time(
    cached_client, worker, monkeypatch, before, soon_forgotten
):
    """If no engine before that one may be available again, the next request would get the same."""
    monkeypatch.setattr("image_api.generation.results.DEGRADED_TTL_SECONDS", 1)
    over = {"fallback_from": [{"engine": "horde", "code": before}]} if before else {}
    worker.say(200, {**RESULT, "ignored": ["seed"], **over})
    cached_client.get(SEEDED)
    time.sleep(1.5)
    assert cached_client.get(SEEDED).json["cached"] is not soon_forgotten


def test_a_field_that_only_styles_set_is_in_no_other_recipe():
    """So that processes of two versions share their entries."""
    assert "negative_prompt_optional" not in Recipe(prompt="a tree").model_dump()
    assert Recipe(prompt="a tree", negative_prompt_optional=True).model_dump()["negative_prompt_optional"] is True


@pytest.mark.parametrize("query", ["prompt=a+tree", "prompt=a+tree&seed=-1"])
def test_a_request_without_a_seed_gets_another_picture(cached_client, worker, query):
    assert [cached_client.get(f"/generate?{query}").headers["X-Cache"] for _ in range(2)] == ["MISS", "MISS"]
    assert len(worker.asked_to_make()) == 2


def test_a_fresh_one_is_made_and_cached(cached_client, worker):
    cached_client.get(SEEDED)
    worker.say(200, {**RESULT, "duration_ms": 99})
    fresh = cached_client.get(SEEDED + "&cache=false")
    assert (fresh.headers["X-Cache"], fresh.json["duration_ms"]) == ("MISS", 99)
    assert cached_client.get(SEEDED).json["duration_ms"] == 99


def test_a_styled_picture_needs_no_seed(cached_client, worker):
    answers = [cached_client.post("/v1/images/generate", json={"prompt": "a tree", "style": "anime"}) for _ in range(2)]
    assert [answer.json["from_cache"] for answer in answers] == [False, True]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "HIT"]
    assert len(worker.asked_to_make()) == 1


def test_an_error_is_not_cached(cached_client, worker):
    worker.say(503, FAILURE)
    assert cached_client.get(SEEDED).status_code == 503
    worker.say(200, RESULT)
    assert cached_client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_a_hit_needs_no_worker(cached_client, worker):
    cached_client.get(SEEDED)
    worker.say(502, b"<html>", X_Service="edge")
    assert cached_client.get(SEEDED).status_code == 200


@pytest.mark.parametrize("hours", [0, 0.0001])
def test_it_is_cached_for_the_configured_hours(client_with, cache_settings, hours):
    client = client_with(cache_expiration_hours=hours, **cache_settings)
    client.get(SEEDED)
    time.sleep(0.5)
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_an_entry_of_another_version_is_a_miss(client_with, redis_server, worker):
    client = client_with(redis_url=redis_server.url)
    redis_server.client.flushall()
    client.get(SEEDED)
    (key,) = redis_server.client.keys("img_cache:*")
    redis_server.client.set(key, b'{"image_url": 5}')
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_two_hundred_identical_requests_at_once_cost_one_generation(cached_client, worker):
    worker.say(200, RESULT, before=lambda: time.sleep(1))
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: cached_client.application.test_client().get(SEEDED), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.headers["X-Cache"] for answer in answers)[199] == "MISS"
    assert [answer.headers["X-Cache"] for answer in answers].count("MISS") == 1
    assert len({answer.json["request_id"] for answer in answers}) == 200
    assert len(worker.asked_to_make()) == 1


def test_all_coalesced_requests_get_the_error(cached_client, worker):
    worker.say(503, FAILURE, before=lambda: time.sleep(0.5))
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: cached_client.application.test_client().get(SEEDED), range(5)))
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(503, "worker_busy")}
    assert len(worker.asked_to_make()) == 1


def test_a_later_deadline_outlives_that_of_the_request_that_started_the_flight(client_with, cache_settings, worker):
    """The worker itself raises the timeout of the request that started the flight."""
    client = client_with(request_timeout_seconds=2, **cache_settings)
    late = {"success": False, "error": "The picture was not ready in time.", "code": "timeout"}
    worker.say(504, late, before=lambda: time.sleep(2))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, SEEDED)
        wait_until(lambda: worker.asked_to_make(), "the first generation")
        time.sleep(1)
        worker.say(200, RESULT)
        second = client.application.test_client().get(SEEDED)
        assert (first.result().status_code, second.status_code) == (504, 200)
    assert len(worker.asked_to_make()) == 2


def test_all_coalesced_requests_get_the_timeout_of_a_phase(cached_client, worker):
    worker.say(504, {"success": False, "error": "Late.", "code": "timeout"}, before=lambda: time.sleep(0.5))
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: cached_client.application.test_client().get(SEEDED), range(3)))
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(504, "timeout")}
    assert len(worker.asked_to_make()) == 1


def test_a_picture_whose_file_is_lost_is_regenerated(cached_client, worker):
    cached_client.get(SEEDED)
    another = "/images/" + "b" * 64 + ".png"
    worker.say(404, b"{}", before=lambda: worker.say(200, {**RESULT, "image_url": another}))
    answer = cached_client.get(f"/images/{NAME}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost{another}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert [request["seed"] for request in worker.asked_to_make()] == [7, 7]
    assert cached_client.get(SEEDED).json["image_url"].endswith(another)


def test_a_picture_that_comes_out_the_same_is_regenerated_once(cached_client, worker):
    """As when another folder than the one that is read stores it: no redirect to itself, and no second payment."""
    cached_client.get(SEEDED)
    worker.say(200, RESULT)
    worker.say_to("/images/", 404, b"{}")
    assert [cached_client.get(f"/images/{NAME}").status_code for _ in range(3)] == [503] * 3
    assert len(worker.asked_to_make()) == 2
    worker.say_to("/images/", 200, b"there")
    assert cached_client.get(f"/images/{NAME}").data == b"there"


def test_a_storage_that_hiccups_costs_no_generation(cached_client, worker):
    cached_client.get(SEEDED)
    worker.say_to("/images/", 503, b"{}")
    assert [cached_client.get("/generate.png?prompt=a+tree&seed=7").status_code for _ in range(3)] == [502] * 3
    assert len(worker.asked_to_make()) == 1


def test_no_more_is_begun_than_may_be_in_flight(client_with, worker):
    client = client_with(max_generations=2)
    worker.say(200, RESULT, before=lambda: time.sleep(1))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.application.test_client().get("/generate?prompt=a"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("service_busy", "15")
    assert client.get("/generate?prompt=a").status_code == 200


def test_a_client_that_leaves_a_stream_releases_no_slot_of_a_flight_that_goes_on(client_with, worker):
    client = client_with(max_generations=1)
    worker.say(200, RESULT, before=lambda: time.sleep(1.5))
    client.get("/generate?prompt=a", headers={"Accept": "text/event-stream"}, buffered=False).close()
    assert client.get("/generate?prompt=b").status_code == 503
    assert len(worker.asked_to_make()) == 1


def test_after_the_stop_nothing_is_begun(client, worker):
    services_of(client.application).generation.stop()
    assert client.get("/generate?prompt=a").json["code"] == "service_stopping"
    assert worker.requests == []


@pytest.mark.parametrize("mark", ["x:²", "x:" + "9" * 5000, ":", "x", "x:-1"])
def test_an_invalid_event_id_is_refused(client, mark):
    answer = client.get("/generate?prompt=a", headers={"Last-Event-ID": mark.encode().decode("latin-1")})
    assert (answer.status_code, answer.json["code"]) == (410, "stream_lost")


def test_what_redis_refuses_is_logged_once(client_with, caplog):
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        client.get(SEEDED)
        server.client.config_set("maxmemory", "1")
        other = SEEDED.replace("7", "8")
        assert [client.get(other).headers["X-Cache"] for _ in range(3)] == ["MISS"] * 3
        assert client.get(SEEDED).headers["X-Cache"] == "HIT"  # what can be read is read
    refusals = [record.getMessage() for record in caplog.records if record.name == "image_api.redis_breaker"]
    assert refusals == ["Redis refused a command, continuing without it: OutOfMemoryError"]


def test_redis_may_go_away_and_come_back(client_with, worker, monkeypatch, caplog):
    caplog.set_level("INFO", "image_api.redis_breaker")
    monkeypatch.setattr("image_api.redis_breaker.OPEN_SECONDS", 0.2)
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        assert [client.get(SEEDED).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]
        server.stop()
        worker.say(200, RESULT, before=lambda: time.sleep(0.3))
        assert [client.get(SEEDED).headers["X-Cache"] for _ in range(3)] == ["MISS", "MISS", "MISS"]
        server.start()
        time.sleep(0.3)
        assert [client.get(SEEDED).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]
    warnings = [record for record in caplog.records if record.name == "image_api.redis_breaker"]
    assert [record.levelname for record in warnings] == ["WARNING", "INFO"]


def test_redis_that_hangs_costs_one_wait(client_with, monkeypatch):
    monkeypatch.setattr("image_api.outbound.redis_clients.QUICK_SECONDS", 2)
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        server.client.client_pause(60_000)
        begun = time.monotonic()
        assert [client.get(SEEDED).status_code for _ in range(5)] == [200] * 5
        assert time.monotonic() - begun < 8  # a wait for each takes 10 and more


def test_the_password_of_redis_is_never_shown(client_with, caplog):
    client = client_with(redis_url="redis://:geheim@127.0.0.1:1/0")
    answer = client.get(SEEDED)
    assert answer.status_code == 200
    assert "geheim" not in caplog.text + answer.text
