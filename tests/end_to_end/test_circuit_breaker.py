"""The circuit breaker of a site: a human check or a rate limit opens it, and /health says until when."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.end_to_end.conftest import running
from tests.fakes.processes import wait_until


@pytest.mark.parametrize(
    ("word", "code"),
    [("failed_verification", "perchance_verification_required"), ("too_many_requests", "perchance_rate_limited")],
)
def test_no_request_reaches_the_site_while_its_circuit_breaker_is_open(tmp_path, word, code):
    with running(tmp_path, PERCHANCE_ROUTES="package", PERCHANCE_REST_SECONDS=6) as stack:
        before = datetime.now(UTC)
        stack.play(generate=word)
        responses = [stack.get(prompt="a tree") for _ in range(3)]
        assert [response.json()["code"] for response in responses] == [code] * 3
        assert all(1 <= int(response.headers["Retry-After"]) <= 6 for response in responses)
        assert len(stack.requests_to("generate")) == 1
        health = stack.worker_health()
        assert (health["status"], health["engines"]["perchance"]["state"]) == ("degraded", "resting")
        until = datetime.fromisoformat(health["reasons"][0].split("until ")[1].split(",")[0])
        assert before < until <= datetime.now(UTC) + timedelta(seconds=6)
        assert stack.get(prompt="a tree", model="sketch").status_code == 200
        stack.play()
        wait_until(lambda: stack.get(prompt="a tree").status_code == 200, "a closed circuit breaker")
        assert stack.worker_health()["status"] == "ready"
