"""GET /api/v1/status/<id> and DELETE /api/v1/jobs/<id>: a job by its id."""

import json
import threading
from uuid import UUID

import pytest

from image_api.jobs.job import Job
from image_api.jobs.job_json import JobView
from tests.api.conftest import RESULT
from tests.api.jobs.conftest import ended
from tests.fakes.processes import wait_until

UNKNOWN = "01a22b8c-d382-7000-9ca2-ee42ad343933"
REFUSED = {"success": False, "error": "The key of acct_12345 is wrong.", "code": "engine_unauthorized"}
IDS = [
    *("", "x", "0" * 31, "0" * 33, "x" * 32, f"{{{UNKNOWN}}}", f"urn:uuid:{UNKNOWN}", UNKNOWN.replace("-", "_")),
    *("٠" * 32, "０" * 32, f"{UNKNOWN}\x00", "%00", "..", UNKNOWN + "a" * 60_000, f"{UNKNOWN}\n", " " + UNKNOWN),
    *("01a22b8c-d3827000-9ca2-ee42ad343933-", "1_2" * 10 + "00", "+" + "0" * 31, "-1", "null"),
]


@pytest.fixture
def held(worker):
    """Hold the render worker's picture back until the event is set."""
    released = threading.Event()
    worker.say(200, RESULT, before=lambda: released.wait(20))
    yield released
    released.set()


def status(client, job_id: str):
    return client.get(f"/api/v1/status/{job_id}")


def test_it_works(both, held):
    job_id = both.post("/api/v1/generate", json={"prompt": "a tree"}).json["job_id"]
    wait_until(lambda: status(both, job_id).json["status"] == "processing", "the job begins", 20)
    answer = status(both, job_id)
    assert (answer.json["attempts"], "position" in answer.json, answer.headers["Retry-After"]) == (1, False, "2")
    assert "completed_at" not in answer.json
    held.set()
    made = ended(both, job_id)
    assert (made["status"], "progress" in made, "error" in made) == ("completed", False, False)
    final = status(both, job_id)
    assert ("Retry-After" in final.headers, final.headers["Cache-Control"]) == (False, "no-store")
    assert both.get(f"/api/v1/jobs/{job_id}").json == final.json


def test_a_pending_job_has_its_position(client_with, held):
    client = client_with(job_concurrency=1)
    ids = [client.post("/api/v1/generate", json={"prompt": f"a {number}"}).json["job_id"] for number in range(4)]
    wait_until(lambda: status(client, ids[0]).json["status"] == "processing", "the first begins", 20)
    assert [status(client, it).json.get("position") for it in ids] == [None, 1, 2, 3]
    client.delete(f"/api/v1/jobs/{ids[1]}")
    assert [status(client, it).json.get("position") for it in ids] == [None, None, 1, 2]


def test_a_job_has_the_seconds_that_it_should_take(both, worker, held):
    line = {"event": "progress", "phase": "generating", "message": "Painting.", "percent": 40, "expected_seconds": 9}
    last = {"event": "result", "result": RESULT}
    worker.say(
        200,
        (json.dumps(line).encode() + b"\n", lambda: held.wait(20), json.dumps(last).encode() + b"\n"),
        Content_Type="application/x-ndjson",
    )
    job_id = both.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"]
    wait_until(lambda: "progress" in status(both, job_id).json, "there is progress", 20)
    shown = status(both, job_id).json
    assert (shown["progress"]["phase"], shown["progress"]["percent"]) == ("generating", 40)
    assert 1 <= shown["expected_seconds"] <= 9
    held.set()
    assert "expected_seconds" not in ended(both, job_id)


def test_a_job_that_fails_has_the_error_as_clients_may_see_it(both, worker):
    worker.say(502, REFUSED)
    failed = ended(both, both.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"])
    assert (failed["status"], failed["code"], failed["images"]) == ("failed", "engine_unauthorized", [])
    assert "acct" not in failed["error"]
    assert "success" not in failed


def test_the_worker_s_token_shows_more(client_with, worker):
    client = client_with(worker_token="secret-token", max_retries=0)
    worker.say(502, REFUSED)
    job_id = client.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"]
    assert "acct" not in ended(client, job_id)["error"]
    answer = client.get(f"/api/v1/status/{job_id}", headers={"Authorization": "Bearer secret-token"})
    assert answer.json["error"] == REFUSED["error"]


def test_an_id_may_be_written_in_capitals_and_without_hyphens(client, submit, held):
    job_id = submit().json["job_id"]
    for written in (job_id.upper(), job_id.replace("-", ""), job_id.replace("-", "").upper()):
        assert status(client, written).json["job_id"] == job_id
    assert client.head(f"/api/v1/status/{job_id}").status_code == 200
    assert client.delete(f"/api/v1/jobs/{job_id.replace('-', '').upper()}").json["status"] == "canceled"


@pytest.mark.parametrize("job_id", [UNKNOWN, *filter(None, IDS)], ids=lambda it: ascii(it)[:30])
def test_an_id_that_is_unknown_or_none_is_not_found(client, job_id):
    path = job_id.replace("%", "%25")
    for answer in (status(client, path), client.get(f"/api/v1/jobs/{path}"), client.delete(f"/api/v1/jobs/{path}")):
        assert answer.status_code == 404
        assert answer.json["code"] in (
            ("job_not_found", "not_found") if job_id in ("..", "%00") else ("job_not_found",)
        )


def test_a_job_is_cancelled_also_at_the_engine(both, worker, held):
    job_id = both.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"]
    wait_until(worker.asked_to_make, "the picture is begun", 20)
    [asked] = worker.asked_to_make()
    for _ in range(2):
        answer = both.delete(f"/api/v1/jobs/{job_id}")
        assert (answer.status_code, answer.json["status"]) == (200, "canceled")
    deletes = lambda: [path for method, path, *_ in worker.requests if method == "DELETE"]  # noqa: E731
    wait_until(deletes, "the engine is told", 20)
    assert {*deletes()} == {f"/requests/{asked['request_id']}"}
    assert status(both, job_id).json["status"] == "canceled"


@pytest.mark.parametrize("made", [True, False], ids=["completed", "failed"])
def test_a_job_that_has_ended_is_not_cancelled(both, worker, made):
    if not made:
        worker.say(422, {"success": False, "error": "No.", "code": "content_refused"})
    job_id = both.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"]
    before = ended(both, job_id)
    answer = both.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json["code"]) == (409, "job_over")
    assert status(both, job_id).json == before


@pytest.mark.parametrize("headers", [{"User-Agent": "Twitterbot/1.0"}, {"Sec-Purpose": "prefetch"}])
def test_no_speculation_cancels_a_job(client, submit, held, headers):
    job_id = submit().json["job_id"]
    assert client.delete(f"/api/v1/jobs/{job_id}", headers=headers).status_code == 503
    assert status(client, job_id).json["status"] != "canceled"


def test_any_client_that_has_the_id_may_read_and_cancel(client, submit, held):
    far = {"REMOTE_ADDR": "203.0.113.9"}
    job_id = submit().json["job_id"]
    assert client.get(f"/api/v1/status/{job_id}", environ_overrides=far).status_code == 200
    assert client.delete(f"/api/v1/jobs/{job_id}", environ_overrides=far).json["status"] == "canceled"


def test_scripts_of_other_pages_may_do_it_all_and_read_the_headers(client):
    page = {"Origin": "https://pictures.example", "Access-Control-Request-Headers": "idempotency-key, prefer"}
    for url, method in (("/api/v1/generate", "POST"), ("/generate", "POST"), (f"/api/v1/jobs/{UNKNOWN}", "DELETE")):
        answer = client.options(url, headers={**page, "Access-Control-Request-Method": method})
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "idempotency-key, prefer"
    exposed = {*client.get("/api/v1/jobs", headers=page).headers["Access-Control-Expose-Headers"].split(", ")}
    assert {"Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed", "Link"} <= exposed


def test_a_database_that_is_away_stops_no_other_route(client_with):
    client = client_with(database_url="postgresql://user:secret-word@127.0.0.1:9/jobs", worker_wake_seconds=0)
    for answer in (
        client.post("/api/v1/generate", json={"prompt": "a"}),
        status(client, UNKNOWN),
        client.get("/api/v1/jobs"),
        client.delete(f"/api/v1/jobs/{UNKNOWN}"),
        client.get("/generate?prompt=a", headers={"Prefer": "respond-async"}),
    ):
        assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "secret-word" not in answer.text
    assert client.get("/health").status_code == client.get("/generate?prompt=a").status_code == 200


def test_a_webhook_sees_the_public_error_and_the_address_of_its_job():
    job = Job(
        UUID(UNKNOWN),
        "local",
        "failed",
        {"prompt": "a", "n": 2},
        1764489600.123,
        webhook_url="https://client.example/?key=secret",
        failed=[{**REFUSED, "index": 1, "status": 502}],
        error={**REFUSED, "status": 502, "retry_after": 9},
    )
    view = JobView.of(job, "https://pictures.example", "/api/v1").model_dump(mode="json", exclude_none=True)
    assert view["links"]["deliveries"] == f"https://pictures.example/api/v1/jobs/{UNKNOWN}/deliveries"
    assert (view["created_at"], view["retry_after"]) == ("2025-11-30T08:00:00.123+00:00", 9)
    assert [it["index"] for it in view["failed"]] == [1]
    assert "acct" not in str(view)
    assert "secret" not in str(view)
