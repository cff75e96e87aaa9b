"""Which queue a model's requests go to, as the Celery workers tell of it."""

import time

import pytest

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.dispatch.queued.queue_names import QueueNames
from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.errors import InvalidParameter
from image_api.outbound.redis_clients import quick_client
from render_worker.contract import WORKERS, CeleryWorkerReport, report_key

HEALTH = {
    "status": "ready",
    "ready": True,
    "uptime_seconds": 1,
    "queue": {"running": 0, "waiting": 0, "max_concurrency": 1, "queue_size": 1},
    "engines": {},
    "storage": "s3",
}


def report(server, name: str, queues: list[str], models: dict[str, str], concurrency: int = 1) -> None:
    listed = [
        {"name": model, "description": "", "engine": engine, "answers_auto": True, "state": "ready"}
        for model, engine in models.items()
    ]
    told = CeleryWorkerReport.model_validate(
        {
            **{"name": name, "queues": queues, "concurrency": concurrency, "running": 0},
            **{"health": HEALTH, "models": {"models": listed}},
        }
    )
    server.client.set(report_key(name), told.model_dump_json(exclude_none=True), ex=15)
    server.client.zadd(WORKERS, {name: time.time()})


def names_of(server) -> QueueNames:
    return QueueNames(WorkerReports(quick_client(server.url)))


def test_a_model_goes_to_its_engine_and_auto_to_its_own(redis):
    report(redis, "celery@a", ["auto", "pollinations"], {"pollinations": "pollinations", "flux": "pollinations"})
    names = names_of(redis)
    found = [names.queue_of(model) for model in ("auto", "flux", "pollinations")]
    assert found == ["auto", "pollinations", "pollinations"]


def test_a_model_that_no_celery_worker_has_is_refused_by_name(redis):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    with pytest.raises(InvalidParameter, match=r"model must be one of auto, sketch\."):
        names_of(redis).queue_of("nothing")


@pytest.mark.parametrize(("model", "hinted"), [("sd-xl-base", True), ("diffusers", True), ("nothing", False)])
def test_a_model_of_an_engine_that_no_celery_worker_has_is_refused_with_how_to_enable_it(redis, model, hinted):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    with pytest.raises(InvalidParameter) as refused:
        names_of(redis).queue_of(model)
    assert ("Add diffusers to ENGINES" in (refused.value.body().hint or "")) == hinted


@pytest.mark.parametrize("model", ["perchance", "img_queue:news"])
def test_without_celery_workers_no_name_is_a_queue(redis, model):
    names = names_of(redis)
    with pytest.raises(QueueUnavailable, match="No Celery worker has told of its models yet"):
        names.queue_of(model)
    assert names.queue_of("auto") == "auto"


def test_a_model_that_is_not_known_may_be_so_later_for_what_was_accepted(redis):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    names = names_of(redis)
    assert (names.find("nothing"), names.find("sketch"), names.find("auto")) == (None, "sketch", "auto")
    assert names.all() == {"auto": "auto", "sketch": "sketch"}


def test_an_engine_whose_queue_none_takes_is_not_offered(redis):
    report(redis, "celery@a", ["auto"], {"sketch": "sketch"})
    with pytest.raises(InvalidParameter):
        names_of(redis).queue_of("sketch")


def test_a_model_stays_known_without_its_celery_worker_and_without_redis(own_redis, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0.0)
    report(own_redis, "celery@a", ["flux-engine"], {"flux": "flux-engine"})
    names = names_of(own_redis)
    assert (names.queue_of("flux"), names.is_served("flux-engine")) == ("flux-engine", True)
    own_redis.client.delete(report_key("celery@a"))
    report(own_redis, "celery@b", ["sketch"], {"sketch": "sketch"})
    assert (names.queue_of("flux"), names.is_served("flux-engine")) == ("flux-engine", False)
    own_redis.stop()
    assert names.queue_of("flux") == "flux-engine"
    for _ in range(3):  # the first, and what comes of it to others
        with pytest.raises(QueueUnavailable):
            names.queue_of("other")
        monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 9.0)
    own_redis.start()
