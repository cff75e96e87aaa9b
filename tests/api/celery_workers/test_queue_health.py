"""/api/v1/health with DISPATCH=celery: Redis, the broker, the queues and each Celery worker, whatever hangs."""

import json

from image_api import shared_check
from tests.api.celery_workers.conftest import HEALTH, OPERATOR, asked, model
from tests.fakes.processes import free_port, wait_until


def untimed(workers: list[dict]) -> list[dict]:
    return [{name: value for name, value in it.items() if name != "last_report"} for it in workers]


class TestAllIsWell:
    def test_it_works(self, client, reporting):
        reporting.report("a@host")
        reporting.report("b@host", "sketch", concurrency=2, running=0)
        reporting.redis.rpush("horde", "x", "y")
        found = asked(client)
        assert (found["status"], "reasons" in found, found["workers"]) == ("healthy", False, [])
        assert (found["redis"], found["broker"]) == ({"status": "up"}, {"status": "up"})
        assert found["queues"] == [
            {"name": "auto", "length": 0, "workers": 2},
            {"name": "horde", "length": 2, "workers": 1},
            {"name": "sketch", "length": 0, "workers": 1},
        ]
        assert untimed(found["celery_workers"]) == [
            {
                "number": 1,
                "status": "up",
                "queues": ["auto", "horde"],
                "concurrency": 8,
                "running": 1,
                "engines": {"horde": "ready"},
            },
            {
                "number": 2,
                "status": "up",
                "queues": ["auto", "sketch"],
                "concurrency": 2,
                "running": 0,
                "engines": {"sketch": "ready"},
            },
        ]
        assert all(it["last_report"] for it in found["celery_workers"])

    def test_names_which_have_a_host_s_are_the_operator_s(self, client, reporting):
        reporting.report("a@host-within", health_reasons=["a secret"])
        reporting.fall_silent("b@host-within", 20)
        assert "host-within" not in client.get(HEALTH).text
        assert "host-within" not in client.get(HEALTH, headers={"Authorization": "Bearer wrong"}).text
        found = client.get(HEALTH, headers=OPERATOR)
        assert [it["name"] for it in found.json["celery_workers"]] == ["a@host-within", "b@host-within"]
        assert "a secret" not in found.text

    def test_messages_of_each_priority_are_counted(self, client, reporting):
        reporting.report("a@host")
        reporting.redis.rpush("auto", "x")
        reporting.redis.rpush("auto\x06\x163", "y", "z")
        assert asked(client)["queues"][0] == {"name": "auto", "length": 3, "workers": 1}

    def test_nothing_is_left_in_redis(self, client, reporting):
        reporting.report("a@host")
        before = set(reporting.redis.keys())
        asked(client)
        wait_until(lambda: set(reporting.redis.keys()) == before, "the probe's end", 5)

    def test_the_direct_dispatch_tells_of_no_queue(self, client_with, reporting):
        reporting.report("a@host")
        found = client_with(redis_url=reporting.server.url).get(HEALTH).json
        assert not {"redis", "broker", "queues", "celery_workers"} & found.keys()
        assert [it["number"] for it in found["workers"]] == [1]


class TestCeleryWorkers:
    def test_if_none_is_up_jobs_wait(self, client):
        found = client.get(HEALTH)
        assert (found.status_code, found.json["status"]) == (200, "degraded")
        assert found.json["reasons"] == ["No Celery worker is up: jobs are accepted, and wait for one."]
        assert (found.json["celery_workers"], found.json["redis"]) == ([], {"status": "up"})

    def test_reports_that_cannot_be_read_are_told_of(self, client, reporting):
        reporting.redis.rpush("img_queue:workers", "of another program")
        found = asked(client)
        assert (found["status"], found["redis"]) == ("degraded", {"status": "up"})
        assert found["reasons"] == ["The reports of the Celery workers cannot be read: whether one is up is not known."]
        assert "celery_workers" not in found

    def test_one_that_fell_silent_is_down_until_it_is_forgotten(self, client, reporting):
        reporting.report("a@host")
        reporting.report("b@host")
        reporting.fall_silent("b@host", 20)
        found = asked(client)
        assert (found["status"], found["reasons"]) == ("degraded", ["Celery worker 2 of 2 is down."])
        assert untimed(found["celery_workers"])[1] == {"number": 2, "status": "down"}
        reporting.fall_silent("b@host", 601)
        found = asked(client)
        assert (found["status"], len(found["celery_workers"])) == ("healthy", 1)

    def test_one_that_left_is_not_told_of(self, client, reporting):
        reporting.report("a@host")
        reporting.report("b@host")
        assert len(asked(client)["celery_workers"]) == 2
        reporting.leave("b@host")
        found = asked(client)
        assert (found["status"], len(found["celery_workers"])) == ("healthy", 1)

    def test_one_whose_engines_do_nothing_is_told_as_a_render_worker_would_be(self, client, reporting):
        reporting.report("a@host", health_ready=False, health_engines={"horde": {"state": "down"}})
        reporting.report("b@host", health_ready=False, health_engines={"horde": {"state": "resting"}})
        found = asked(client)
        assert [it["status"] for it in found["celery_workers"]] == ["down", "resting"]
        assert found["reasons"] == ["Celery worker 1 of 2 is down."]

    def test_one_of_another_version_is_unknown(self, client, reporting, caplog):
        reporting.report("a@host")
        reporting.say("b@host", json.dumps({"name": "b@host", "version": 2}))
        for _ in range(3):
            found = asked(client)
        assert found["reasons"] == ["Celery worker 2 of 2 is of another version: its report cannot be read."]
        assert untimed(found["celery_workers"])[1] == {"number": 2, "status": "unknown"}
        assert caplog.text.count("b@host") == 1

    def test_several_are_told_in_one_sentence(self, client, reporting):
        for name in ("a@host", "b@host", "c@host"):
            reporting.report(name)
            reporting.fall_silent(name, 20)
        assert asked(client)["reasons"] == ["No Celery worker is up: jobs are accepted, and wait for one."]
        for name in ("d@host", "e@host"):
            reporting.say(name, "{}")
        assert asked(client)["reasons"] == [
            "3 of 5 Celery workers are down.",
            "2 of 5 Celery workers are of another version: their reports cannot be read.",
        ]

    def test_a_later_version_s_new_fields_do_no_harm(self, client, reporting):
        reporting.report("a@host")
        text = json.loads(reporting.redis.get("img_queue:worker:a@host"))
        reporting.say("a@host", json.dumps({**text, "new": 1, "health": {**text["health"], "new": [1]}}))
        assert asked(client)["status"] == "healthy"

    def test_a_queue_that_none_takes_is_named_while_messages_wait_in_it(self, client, reporting):
        reporting.report("a@host")
        reporting.report("b@host", "sketch")
        assert asked(client)["status"] == "healthy"
        reporting.leave("b@host")
        assert asked(client)["status"] == "healthy"
        reporting.redis.rpush("sketch", "x")
        assert asked(client)["reasons"] == ["No Celery worker takes the queue sketch, in which 1 message waits."]
        reporting.redis.rpush("sketch", "x")
        assert asked(client)["reasons"] == ["No Celery worker takes the queue sketch, in which 2 messages wait."]

    def test_a_thousand_are_told_soon(self, client, reporting):
        models = {"models": [model(f"model-{number}", "horde") for number in range(50)]}
        for number in range(1000):
            reporting.report(f"worker-{number}@host", models=models)
        # Without the bound of a health that something hangs for: a thousand reports are a slow machine's work.
        wait_until(lambda: len(client.get(HEALTH).json.get("celery_workers", ())) == 1000, "all of them")
        assert client.get(HEALTH).json["status"] == "healthy"


def test_a_check_that_is_late_shows_the_last_one(client, reporting, monkeypatch):
    monkeypatch.setattr(shared_check, "WAIT_SECONDS", 0)
    reporting.report("a@host")
    asked(client)
    wait_until(lambda: asked(client)["status"] == "healthy", "the checks' ends", 10)
    assert len(asked(client)["celery_workers"]) == 1


class TestPictures:
    def test_a_folder_that_nothing_serves_is_told(self, client, reporting):
        reporting.report("a@host", health_storage="local")
        (reason,) = asked(client)["reasons"]
        assert "PERCHANCE_WORKER_URL" in reason

    def test_render_workers_that_serve_them_are_told_of_too(self, queued, reporting, worker):
        reporting.report("a@host", health_storage="local")
        client = queued(perchance_worker_url=f"{worker.url},http://127.0.0.1:{free_port()}")
        assert [it["status"] for it in asked(client)["workers"]] == ["asleep", "asleep"]
        client.get(f"/images/{'a' * 64}.png")
        found = asked(client)
        assert (found["status"], found["workers"][0]["status"]) == ("healthy", "up")
        worker.close()
        wait_until(lambda: asked(client)["workers"][0]["status"] == "down", "the news of it", 15)
        assert asked(client)["reasons"] == ["Render worker 1 of 2 is down."]
