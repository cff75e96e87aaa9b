"""Which errors a job is tried again after, and when: every code of the product has a decision."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_api.errors import ApiError, DeadlinePassed, InvalidParameter, Relayed, ServiceBusy, WorkerUnavailable
from image_api.jobs.job import Job, Outcome
from image_api.jobs.runner.conclusion import Retry, judge
from image_api.jobs.runner.retries import AGAIN, MAX_PAUSE_SECONDS, NEVER, RetryPolicy, can_help
from render_worker.contract import ErrorBody
from render_worker.errors import BadPicture
from render_worker.serving.http_errors import HTTP_CODES
from tests.api.jobs.processes import job_with

ROOT = Path(__file__).resolve().parents[4]
POLICY = RetryPolicy(max_retries=3, base=2)
IMAGE = {"index": 1, "image_url": "/images/b.png"}


def relayed(code: str, status: int, retry_after: int | None = None) -> Relayed:
    return Relayed(ErrorBody(error="A sentence.", code=code, retry_after=retry_after), status)


def codes_of_classes() -> Iterator[str]:
    """Yield the `code` that each class of both tiers gives itself."""
    for tier in ("image_api", "render_worker"):
        for path in (ROOT / tier).rglob("*.py"):
            for item in ast.walk(ast.parse(path.read_text())):
                if isinstance(item, ast.ClassDef):
                    yield from _code_of(item)


def _code_of(item: ast.ClassDef) -> Iterator[str]:
    for line in item.body:
        names = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        is_code = any(isinstance(name, ast.Name) and name.id == "code" for name in names)
        if is_code and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str):
            yield line.value.value


CODES = sorted({*codes_of_classes(), *HTTP_CODES.values()})


def test_the_codes_are_found():
    assert {"timeout", "worker_busy", "perchance_busy", "job_interrupted", "engine_budget_unavailable"} <= {*CODES}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_one_decision(code):
    assert (code in AGAIN) != (code in NEVER), f"is another attempt at a job of any use after {code}?"


def test_every_decision_is_about_a_code():
    problems = BadPicture.__init__.__annotations__["problem"].__args__
    assert {*AGAIN, *NEVER} - {*CODES, "invalid_http"} == {f"picture_{it}" for it in problems}


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (WorkerUnavailable("It is down."), True),
        (ServiceBusy("It is full."), True),
        (DeadlinePassed("It was late."), True),
        (InvalidParameter("prompt must be a text."), False),
        (relayed("content_refused", 422), False),
        (relayed("engine_quota_exhausted", 503, retry_after=60), False),
        (relayed("of_a_newer_worker", 503), True),
        (relayed("of_a_newer_worker", 402, retry_after=60), True),
        (relayed("of_a_newer_worker", 402), False),
        (relayed("s3_timeout", 502), True),
    ],
)
def test_what_another_attempt_can_help(error, helps):
    assert can_help(error) is helps


@pytest.mark.parametrize(("failures", "least", "most"), [(1, 1, 2), (2, 2, 4), (3, 4, 8), (40, 300, 600)])
def test_the_pause_grows_with_jitter_up_to_its_cap(failures, least, most):
    pauses = [POLICY.pause(failures, [DeadlinePassed("It was late.")]) for _ in range(200)]
    assert least <= min(pauses) < max(pauses) <= most
    assert max(pauses) - min(pauses) > (most - least) / 2


def test_the_pause_is_as_long_as_the_longest_retry_after():
    errors = [relayed("engine_busy", 503, 60), relayed("engine_rate_limited", 503, 90), DeadlinePassed("It was late.")]
    assert all(90 <= POLICY.pause(1, errors) <= 91 for _ in range(50))
    assert POLICY.pause(1, [relayed("engine_rate_limited", 503, 86_400)]) == MAX_PAUSE_SECONDS


def test_a_backoff_of_one_second_has_a_pause_as_well():
    assert 0.5 <= RetryPolicy(3, 1).pause(3, []) <= 1


def judged(job: Job, images: list[dict], errors: dict[int, ApiError]) -> Outcome | Retry:
    return judge(job, images, errors, POLICY)


def test_a_retry_keeps_what_was_made_and_gives_up_what_is_refused():
    errors = {0: relayed("engine_busy", 503, 60), 2: relayed("content_refused", 422)}
    came_to = judged(job_with(n=3, attempts=1), [IMAGE], errors)
    assert isinstance(came_to, Retry)
    assert (came_to.error["code"], came_to.images) == ("engine_busy", [IMAGE])
    assert [(it["index"], it["code"], it["status"]) for it in came_to.failed] == [(2, "content_refused", 422)]


def test_what_is_refused_as_a_whole_fails_at_once_with_its_words():
    came_to = judged(job_with(attempts=1), [], {0: relayed("content_refused", 422)})
    assert came_to == Outcome("failed", error={"error": "A sentence.", "code": "content_refused", "status": 422})


def test_the_last_retry_is_the_end_and_interruptions_are_no_failures():
    errors = {0: DeadlinePassed("It was late.")}
    assert isinstance(judged(job_with(attempts=3), [], errors), Retry)
    assert isinstance(judged(job_with(attempts=13, interruptions=10), [], errors), Retry)
    ended = judged(job_with(attempts=4), [], errors)
    assert isinstance(ended, Outcome)
    assert (ended.status, ended.error["error"], ended.error["status"]) == ("failed", "It was late.", 504)


def test_one_picture_of_several_completes_a_job():
    ended = judged(job_with(n=2, attempts=4), [IMAGE], {0: DeadlinePassed("It was late.")})
    assert isinstance(ended, Outcome)
    assert (ended.status, ended.images, ended.error) == ("completed", [IMAGE], None)
    assert [it["index"] for it in ended.failed] == [0]


def test_a_job_whose_last_hopes_fail_has_what_was_given_up_before_as_well():
    given_up = {"index": 1, "error": "Refused.", "code": "content_refused", "status": 422}
    ended = judged(job_with(n=2, attempts=4, failed=[given_up]), [], {0: DeadlinePassed("It was late.")})
    assert [it["code"] for it in ended.failed] == ["timeout", "content_refused"]
    assert ended.error["code"] == "timeout"
