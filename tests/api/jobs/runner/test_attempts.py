"""The pictures of a job, over both databases, before a render worker that says what a test wants."""

import io
import json
import threading
import time

import pytest
from PIL import Image

from image_api.sent_images import MAX_BYTES
from tests.api.conftest import RESULT, ScriptedWorker
from tests.api.jobs.runners import ids_at, running
from tests.fakes.processes import wait_until

PROGRESS = {"event": "progress", "phase": "generating", "message": "Half of it.", "percent": 50}
LINES = {"Content_Type": "application/x-ndjson"}
REFUSED = {"success": False, "error": "The service refuses that.", "code": "content_refused", "hint": "Change it."}
FAILED = {"success": False, "error": "The engine failed.", "code": "engine_failed"}
BUSY = {"success": False, "error": "The queue is full.", "code": "worker_busy", "retry_after": 1}


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def in_turn(worker: ScriptedWorker, *answers: tuple[int, dict]) -> None:
    """Have the render worker give these answers one after the other."""
    (status, body), *rest = answers
    worker.say(status, body, before=lambda: in_turn(worker, *rest) if rest else None)


def says_progress(worker: ScriptedWorker) -> threading.Event:
    """Have the render worker send a progress, and its result once the event is set."""
    event = threading.Event()
    progress, result = (json.dumps(it).encode() + b"\n" for it in (PROGRESS, {"event": "result", "result": RESULT}))
    worker.say(200, (progress, lambda: event.wait(20), result), **LINES)
    return event


def test_a_job_is_made_and_completed(here, worker):
    job = here.run(seed=5)
    assert (job.status, job.attempts, job.error, job.failed) == ("completed", 1, None, [])
    assert [(it["index"], it["seed"], it["image_url"]) for it in job.images] == [(0, 7, RESULT["image_url"])]
    assert job.created_at <= job.started_at <= job.completed_at
    assert ids_at(worker) == [f"{job.id.hex}-0"]
    assert here.ends.acquire(timeout=5)
    assert {*here.changes} == {job.id}


def test_several_pictures_have_ids_and_seeds_of_their_own(here, worker):
    job = here.run(n=3, seed=5)
    assert [it["index"] for it in job.images] == [0, 1, 2]
    asked = {it["request_id"]: it["seed"] for it in worker.asked_to_make()}
    assert asked == {f"{job.id.hex}-{index}": 5 + index for index in range(3)}


def test_each_picture_is_kept_as_it_is_made(one, worker):
    event = threading.Event()
    worker.say(200, RESULT, before=lambda: worker.say(200, RESULT, before=lambda: event.wait(20)))
    job = one.submit(n=2)
    assert [it["index"] for it in one.when(job, lambda it: it.images).images] == [0]
    assert one.store.get(job.id).status == "processing"
    event.set()
    assert len(one.final(job).images) == 2


def test_only_what_is_missing_is_tried_again(one, worker):
    in_turn(worker, (200, RESULT), (502, FAILED), (422, REFUSED), (200, RESULT))
    job = one.run(n=3)
    assert (job.status, job.attempts) == ("completed", 2)
    assert [it["index"] for it in job.images] == [0, 1]
    assert [(it["index"], it["code"]) for it in job.failed] == [(2, "content_refused")]
    assert ids_at(worker) == [f"{job.id.hex}-{index}" for index in (0, 1, 2, 1)]


def test_a_refusal_is_not_tried_again(here, worker):
    worker.say(422, REFUSED)
    job = here.run()
    assert (job.status, job.attempts, job.images) == ("failed", 1, [])
    assert job.error == {"error": REFUSED["error"], "code": "content_refused", "hint": "Change it.", "status": 422}
    assert len(ids_at(worker)) == 1


def test_a_failure_is_tried_again_with_the_same_id_and_the_last_one_is_told(database_url, worker):
    worker.say(502, FAILED)
    with running(database_url, worker, max_retries=2) as here:
        job = here.run()
    assert (job.status, job.attempts, job.error["code"]) == ("failed", 3, "engine_failed")
    assert ids_at(worker) == [f"{job.id.hex}-0"] * 3


def test_a_worker_that_is_down_is_the_reason_after_all_retries(tmp_path, worker):
    worker.close()
    with running(f"sqlite:///{tmp_path}/jobs.db", worker, max_retries=0) as here:
        job = here.run()
    assert (job.status, job.error["code"], job.error["status"]) == ("failed", "worker_unavailable", 503)


def test_the_retry_after_of_a_failure_is_awaited(one, worker):
    worker.say(503, {**FAILED, "code": "engine_busy", "retry_after": 60})
    job = one.when(one.submit(), lambda it: it.attempts and it.status == "pending")
    assert 60 <= job.not_before - job.started_at <= 70
    assert job.error["code"] == "engine_busy"


def test_backpressure_is_no_failure(one, worker):
    in_turn(worker, (503, BUSY), (200, RESULT))
    job = one.run()
    assert (job.status, job.attempts) == ("completed", 1)
    assert ids_at(worker) == [f"{job.id.hex}-0"] * 2


def test_no_more_pictures_are_made_at_a_time_than_are_allowed(tmp_path, worker, held):
    with running(f"sqlite:///{tmp_path}/jobs.db", worker, job_concurrency=2) as here:
        jobs = [here.submit(n=3) for _ in range(3)]
        wait_until(lambda: len(ids_at(worker)) == 2, "two pictures", 5)
        time.sleep(0.3)
        assert len(ids_at(worker)) == 2
        assert here.runner.running == 2
        held.set()
        assert {here.final(job).status for job in jobs} == {"completed"}


def test_progress_is_shown_at_once_here_and_soon_elsewhere(here, worker):
    event = says_progress(worker)
    job = here.submit()
    shown = {name: it for name, it in PROGRESS.items() if name != "event"}
    assert here.when(job, lambda it: it.progress).progress == shown
    wait_until(lambda: here.store.get(job.id).progress == shown, "the row's progress", 5)
    event.set()
    assert here.final(job).progress is None


def test_the_progress_of_several_says_of_which_picture(one, worker):
    event = says_progress(worker)
    assert one.when(one.submit(n=2), lambda it: it.progress).progress["index"] == 0
    event.set()


def test_an_image_is_sent_and_its_memory_released(here, worker):
    image = png()
    job = here.run(image=image, strength=0.5, aspect_ratio="1:1")
    assert (job.status, worker.sent_images()) == ("completed", [image])
    assert here.kept() == {}
    wait_until(lambda: here.services.image_memory.left == MAX_BYTES, "the image's release", 5)


def test_an_image_waits_for_room(one, worker):
    room = one.services.image_memory.take(MAX_BYTES)
    job = one.submit(image=png())
    one.when(job, lambda it: it.status == "processing")
    time.sleep(0.2)
    assert worker.requests == []
    one.services.image_memory.give_back(room)
    assert one.final(job).status == "completed"
    wait_until(lambda: one.services.image_memory.left == MAX_BYTES, "the image's release", 5)


@pytest.mark.parametrize(
    ("request_", "image", "named"),
    [
        ({"of_another_version": 1}, None, "of_another_version"),
        ({"seed": "many"}, None, "seed"),
        ({"style": "of another version"}, None, "style"),
        ({"prompt": ""}, None, "prompt"),
        ({"n": "many"}, None, "n"),
        ({"n": 10**9}, None, "n"),
    ],
)
def test_a_row_that_this_version_does_not_understand_fails_by_name(one, request_, image, named):
    job = one.run(image=image, **request_)
    assert (job.status, job.attempts, job.error["code"]) == ("failed", 1, "job_unreadable")
    assert f" {named}." in job.error["error"]


def test_a_row_of_an_older_version_has_the_defaults_of_what_it_lacks(one, worker):
    assert one.run().status == "completed"
    (asked,) = worker.asked_to_make()
    assert (asked["seed"], asked["model"], asked["shape"]) == (-1, "auto", "square")


def test_an_image_that_is_none_or_lost_fails_the_job(one):
    assert one.run(image=b"no picture").error["code"] == "invalid_parameter"
    lost = one.submit()
    one.final(lost)
    one.set(lost, status="pending", image_bytes=5, images=[])
    assert one.final(lost).error["code"] == "job_unreadable"
    assert one.services.image_memory.left == MAX_BYTES


def test_an_image_that_gave_way_to_those_of_others_is_read_again(one, worker):
    memory = one.services.image_memory

    def evict() -> None:
        (room,) = memory._rooms
        memory.give_back(room)
        room.evict()
        worker.say(200, RESULT)

    worker.say(503, BUSY, before=evict)
    waiting = one.when(one.submit(image=png()), lambda it: it.attempts and it.status == "pending")
    assert waiting.error["code"] == "service_busy"
    one.set(waiting, not_before=0)
    job = one.final(waiting)
    assert (job.status, job.attempts, worker.sent_images()[-1]) == ("completed", 2, png())
