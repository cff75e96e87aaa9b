"""What the new pictures of clients are charged, and what costs nothing."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.services import services_of
from tests.api.conftest import RESULT
from tests.api.limits.visitors import OTHER, VISITOR, as_visitor, get, left
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

NEW = "/generate?prompt=a+tree"
SEEDED = f"{NEW}&seed=7"
PICTURES_ONLY = {"Accept": "image/*"}
SLACK = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
BEGUN = b'{"event": "progress", "phase": "generating", "message": "At it."}\n'
WAITING = b'{"event": "progress", "phase": "queued", "message": "Wait."}\n'
FAILED = {"success": False, "error": "It failed.", "code": "engine_failed"}


@pytest.fixture
def limited(client_with):
    """Return a client of an API tier with a limit of three."""
    return client_with(rate_limit="3 per day", worker_wake_seconds=0)


def test_it_works(limited, worker):
    answers = [get(limited, NEW) for _ in range(4)]
    assert [it.status_code for it in answers] == [200, 200, 200, 429]
    assert [left(it) for it in answers] == [2, 1, 0, 0]
    refused = answers[-1]
    assert (refused.json["code"], refused.json["success"]) == ("rate_limited", False)
    assert refused.json["error"] == "3 of 3 new pictures per day were made for this client."
    assert int(refused.headers["Retry-After"]) == refused.json["retry_after"] <= 86_400
    assert len(worker.asked_to_make()) == 3
    assert get(limited, NEW, OTHER).status_code == 200


def test_the_headers_are_those_of_the_draft(client_with):
    answer = get(client_with(rate_limit="20 per 10 minutes; 100/day"), NEW)
    assert answer.headers["RateLimit-Policy"] == '"10-minutes";q=20;w=600, "day";q=100;w=86400'
    assert re.fullmatch(r'"10-minutes";r=19;t=[0-9]{1,3}, "day";r=99;t=[0-9]{1,5}', answer.headers["RateLimit"])
    exposed = answer.headers.get("Access-Control-Expose-Headers", "")
    assert exposed == "" or "RateLimit" in exposed
    shown = get(client_with(), NEW, headers={"Origin": "https://page.example"})
    assert {"RateLimit", "RateLimit-Policy"} <= set(shown.headers["Access-Control-Expose-Headers"].split(", "))


def test_what_is_cached_costs_nothing_and_tells_what_is_left(limited):
    answers = [get(limited, SEEDED) for _ in range(5)]
    assert [(it.status_code, it.headers["X-Cache"], left(it)) for it in answers] == [
        (200, "MISS", 2),
        *[(200, "HIT", 2)] * 4,
    ]
    assert get(limited, f"{SEEDED}&cache=false").status_code == 200
    assert left(get(limited, SEEDED)) == 1


def test_what_is_cached_is_there_beyond_the_limit(limited):
    answers = [get(limited, f"{NEW}&seed={seed}") for seed in (1, 2, 3, 4)]
    assert answers[-1].status_code == 429
    assert [get(limited, f"{NEW}&seed={seed}").status_code for seed in (1, 2, 3)] == [200] * 3


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("HEAD", NEW, {}),
        ("HEAD", "/sheet.png?prompt=a+tree", {}),
        ("GET", f"{NEW}&steps=0", {}),
        ("GET", "/generate", {}),
        ("GET", NEW, {"Sec-Purpose": "prefetch"}),
        ("GET", NEW, SLACK),
        ("GET", "/health", {}),
        ("GET", "/v1/styles", {}),
        ("GET", "/robots.txt", {}),
        ("GET", "/generate?prompt=a&prefer=fast&model=sketch", {}),
    ],
)
def test_what_makes_no_picture_costs_nothing(limited, method, url, headers):
    for _ in range(4):
        as_visitor(limited, method, url, headers=headers)
    assert left(get(limited, NEW)) == 2


def test_an_error_costs_nothing(limited, worker):
    worker.say(502, FAILED)
    assert [get(limited, NEW).status_code for _ in range(5)] == [502] * 5
    assert left(get(limited, NEW)) == 3


def test_a_worker_that_is_away_costs_nothing(client_with):
    client = client_with(rate_limit="1 per day", perchance_worker_url="http://127.0.0.1:1", worker_wake_seconds=0)
    assert [get(client, NEW).status_code for _ in range(3)] == [503] * 3


def test_no_slot_costs_nothing(client_with, worker):
    client = client_with(rate_limit="1 per day", max_generations=1, worker_wake_seconds=0)
    generation = services_of(client.application).generation
    with ThreadPoolExecutor(1) as pool:
        release = threading.Event()
        worker.say(200, RESULT, before=release.wait)
        first = pool.submit(get, client, NEW, OTHER)
        wait_until(lambda: len(generation.admission) == 1, "it waits")
        assert [get(client, NEW).json["code"] for _ in range(3)] == ["service_busy"] * 3
        release.set()
        assert first.result().status_code == 200
    assert get(client, NEW).status_code == 200


def test_requests_that_join_one_in_flight_cost_nothing(limited, worker):
    release = threading.Event()
    worker.say(200, RESULT, before=release.wait)
    generation = services_of(limited.application).generation
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(get, limited, SEEDED, address) for address in (VISITOR, *[OTHER] * 5)]
        wait_until(lambda: len(generation.admission) == 6, "all wait")
        release.set()
    kinds = sorted(it.result().headers["X-Cache"] for it in answers)
    assert kinds == ["JOINED"] * 5 + ["MISS"]
    assert sorted(left(get(limited, NEW, address)) for address in (VISITOR, OTHER)) == [1, 2]


def test_a_picture_of_another_process_costs_nothing(client_with, worker):
    release = threading.Event()
    worker.say(200, RESULT, before=release.wait)
    with RedisServer() as redis:
        first, second = (client_with(rate_limit="3 per day", redis_url=redis.url) for _ in range(2))
        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(get, first, SEEDED)
            wait_until(worker.asked_to_make, "the first asks")
            joined = pool.submit(get, second, SEEDED, OTHER)
            wait_until(lambda: services_of(second.application).generation.admission.limit, "it is there")
            wait_until(lambda: len(services_of(second.application).generation.admission) == 1, "the second waits")
            release.set()
        assert (made.result().status_code, joined.result().status_code) == (200, 200)
        assert len(worker.asked_to_make()) == 1
        assert [left(get(first, NEW, address)) for address in (VISITOR, OTHER)] == [1, 2]


def test_processes_count_together_by_redis(client_with):
    with RedisServer() as redis:
        clients = [client_with(rate_limit="3 per day", redis_url=redis.url) for _ in range(2)]
        assert [get(client, NEW).status_code for client in clients * 2] == [200, 200, 200, 429]


@pytest.mark.parametrize("begun", [True, False])
def test_a_request_that_its_client_cancels_stays_charged_once_work_has_begun(limited, worker, begun):
    release = threading.Event()
    pieces = (BEGUN if begun else WAITING, lambda: release.wait(15), b"\n")
    worker.say(200, pieces, Content_Type="application/x-ndjson")
    worker.say_to("/requests/", 204, b"")
    generation = services_of(limited.application).generation
    with get(limited, NEW, headers={"Accept": "text/event-stream"}) as stream:
        events = stream.iter_encoded()
        assert "progress" in "".join(next(events).decode() for _ in range(2))
        generation.cancellations.cancel(stream.headers["X-Request-ID"])
        release.set()
        assert '"code":"cancelled"' in b"".join(events).decode()
    wait_until(lambda: not generation._flights._flights, "the flight is over")
    worker.say(200, RESULT)
    assert left(get(limited, NEW)) == (1 if begun else 2)


@pytest.mark.parametrize(("size", "spent"), [("1024x1024", 1), ("1024x2048", 2), ("2048x1536", 3)])
def test_a_large_picture_costs_more(limited, size, spent):
    assert left(get(limited, f"{NEW}&size={size}")) == 3 - spent


def test_a_paid_picture_costs_more(limited, worker):
    worker.say(200, {**RESULT, "cost": 0.011})
    answer = get(limited, NEW)
    assert answer.status_code == 200
    assert left(get(limited, "/generate?prompt=b")) == 0


def test_a_request_alone_beyond_the_limit_is_told_so(limited, worker):
    answer = get(limited, f"{NEW}&size=2048x2048")
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert answer.json["error"] == "This request counts as 4 new pictures, and 3 per day are made for a client."
    assert "smaller" in answer.json["hint"]
    assert "Retry-After" not in answer.headers
    assert (left(answer), worker.requests) == (3, [])


@pytest.mark.parametrize("url", [f"{NEW}&n=3", f"{NEW}&n=3&seed=7"])
def test_of_several_pictures_each_costs(limited, url):
    assert left(get(limited, url)) == 0


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (f"{NEW}&n=3", {}),
        (f"{NEW}&n=3", {"Accept": "text/event-stream"}),
        ("/sheet?prompt=a+tree", {}),
        ("/sheet.png?prompt=a+tree&seed=7", {}),
    ],
)
def test_of_several_pictures_none_is_made_unless_all_may_be(limited, worker, url, headers):
    get(limited, NEW)
    worker.requests.clear()
    answer = get(limited, url, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert (left(answer), worker.asked_to_make()) == (2, [])


def test_of_several_pictures_those_that_are_cached_cost_nothing(limited):
    get(limited, f"{NEW}&seed=8")
    get(limited, f"{NEW}&seed=7")
    answer = get(limited, f"{NEW}&n=3&seed=7")
    assert (answer.status_code, left(answer)) == (200, 0)


def test_a_sheet_costs_its_pictures(client_with):
    client = client_with(rate_limit="20 per day")
    assert left(get(client, "/sheet?prompt=a+tree&seed=7")) == 16
    assert left(get(client, "/sheet?prompt=a+tree&seed=7")) == 16
    assert left(get(client, "/sheet?prompt=a+tree&seed=7&seeds=9")) == 11


def test_a_lost_picture_that_is_made_anew_costs_as_a_new_one(limited, worker):
    get(limited, SEEDED)
    worker.say_to("/images/", 404, {"success": False, "error": "None.", "code": "not_found"})
    answer = get(limited, RESULT["image_url"], OTHER)
    assert (answer.status_code, left(answer)) == (503, 2) if answer.status_code == 503 else (302, 2)
