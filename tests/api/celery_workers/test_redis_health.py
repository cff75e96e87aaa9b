"""/api/v1/health with DISPATCH=celery, if Redis or the broker is down, hangs, is full or forgets."""

import socket
import threading

import pytest

from tests.api.celery_workers.conftest import HEALTH, asked
from tests.fakes.processes import free_port, wait_until
from tests.fakes.redis_server import RedisServer

PASSWORD = "a-password"


@pytest.fixture
def hung():
    """The port of a server that takes connections, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        yield silent.getsockname()[1]


@pytest.fixture
def own():
    """A Redis for one test, which it may stop."""
    with RedisServer() as running:
        yield running


class TestRedis:
    def test_one_that_is_down_comes_back(self, queued, own):
        client = queued(redis_url=own.url)
        own.stop()
        found = client.get(HEALTH)
        assert (found.status_code, found.json["status"]) == (200, "degraded")
        assert found.json["reasons"] == ["Redis does not answer: jobs are accepted, and wait until that is over."]
        assert (found.json["redis"], found.json["broker"]) == ({"status": "down"}, {"status": "down"})
        assert not {"queues", "celery_workers"} & found.json.keys()
        own.start()
        wait_until(lambda: asked(client)["redis"] == {"status": "up"}, "its return", 15)
        assert asked(client)["broker"] == {"status": "up"}

    @pytest.mark.parametrize("setting", ["redis_url", "celery_broker_url"])
    def test_one_that_hangs_is_told_within_a_bound_for_any_number_of_clients(self, queued, reporting, hung, setting):
        reporting.report("a@host")
        client = queued(**{setting: f"redis://:{PASSWORD}@127.0.0.1:{hung}/0"})
        found: list[dict] = []
        ask = lambda: found.append(asked(client.application.test_client()))  # noqa: E731
        clients = [threading.Thread(target=ask) for _ in range(20)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(30)
        expected = {"redis_url": ("down", "down"), "celery_broker_url": ("up", "down")}[setting]
        assert [(it["redis"]["status"], it["broker"]["status"]) for it in found] == [expected] * 20
        assert not any(it in str(found) for it in (PASSWORD, str(hung), "127.0.0.1"))
        assert sum(thread.name == "check" for thread in threading.enumerate()) <= 5

    def test_a_broker_of_its_own_that_is_down_is_told_apart(self, queued, reporting):
        reporting.report("a@host")
        found = asked(queued(celery_broker_url=f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/1"))
        assert (found["redis"]["status"], found["broker"]["status"]) == ("up", "down")
        assert found["reasons"] == [
            "The broker of the queue does not answer: jobs are accepted, and wait until that is over."
        ]
        assert ("queues" in found, len(found["celery_workers"])) == (False, 1)

    @pytest.mark.parametrize("path", ["/ready", "/wake"])
    def test_without_a_broker_no_picture_can_be_made(self, queued, reporting, path):
        reporting.report("a@host")
        client = queued(celery_broker_url=f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/1")
        found = client.get(path)
        assert (found.status_code, found.json["error"]) == (503, "The broker of the queue does not answer.")

    def test_a_broker_of_its_own_has_the_queues(self, queued, reporting, own):
        reporting.report("a@host")
        own.client.rpush("horde", "x")
        assert asked(queued(celery_broker_url=own.url))["queues"][1]["length"] == 1

    def test_a_broker_by_amqp_that_is_down_is_told(self, queued, reporting):
        reporting.report("a@host")
        found = asked(queued(celery_broker_url=f"amqp://user:{PASSWORD}@127.0.0.1:{free_port()}//"))
        assert (found["redis"]["status"], found["broker"]["status"]) == ("up", "down")

    def test_one_that_is_full_refuses_writes(self, queued, own):
        client = queued(redis_url=own.url)
        own.client.config_set("maxmemory-policy", "noeviction")
        own.client.config_set("maxmemory", 1)
        found = asked(client)
        assert found["redis"] == {"status": "refuses_writes"}
        assert found["reasons"][0] == "Redis refuses writes: jobs are accepted, and wait until that is over."
        own.client.config_set("maxmemory", 0)
        assert asked(client)["redis"] == {"status": "up"}

    def test_so_does_a_replica(self, queued, own):
        client = queued(redis_url=own.url)
        own.client.replicaof("127.0.0.1", free_port())
        own.client.config_set("replica-serve-stale-data", "yes")
        assert asked(client)["redis"] == {"status": "refuses_writes"}

    def test_a_wrong_password_is_as_bad_as_none(self, queued, own):
        own.client.config_set("requirepass", PASSWORD)
        found = queued(redis_url=own.url.replace("redis://", "redis://:wrong-password@")).get(HEALTH)
        assert (found.status_code, found.json["redis"]) == (200, {"status": "down"})
        assert not any(word in found.text for word in (PASSWORD, "wrong-password"))
        right = own.url.replace("redis://", f"redis://:{PASSWORD}@")
        assert asked(queued(redis_url=right))["redis"] == {"status": "up"}

    def test_one_that_lost_all_it_had_is_up(self, client, reporting):
        reporting.report("a@host")
        assert asked(client)["status"] == "healthy"
        reporting.redis.flushall()
        assert asked(client)["reasons"] == ["No Celery worker is up: jobs are accepted, and wait for one."]
        reporting.report("a@host")
        assert asked(client)["status"] == "healthy"


def test_without_the_database_it_is_503_whatever_redis_does(queued):
    down = f"redis://127.0.0.1:{free_port()}/0"
    client = queued(redis_url=down, database_url=f"postgresql://user:secret@127.0.0.1:{free_port()}/jobs")
    found = client.get(HEALTH)
    assert (found.status_code, found.json["status"]) == (503, "unhealthy")
    assert (found.json["redis"]["status"], len(found.json["reasons"])) == ("down", 2)
