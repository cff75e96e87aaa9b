"""A route that is of no use for long: it is tried once, left out after that, and the operator is told."""

import pytest
import requests

from tests.end_to_end.conftest import running
from tests.end_to_end.test_perchance_responses import error_of

DAY = 86_400
WORDS = {
    "client_update_required": "perchance_client_outdated",
    "invalid_ad_access_code": "perchance_access_code_required",
    "invalid_access_code": "perchance_access_code_required",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with running(tmp_path_factory.mktemp("images"), PERCHANCE_CLOSED_SECONDS=DAY, PERCHANCE_PAGE_SECONDS=2) as stack:
        yield stack


@pytest.mark.parametrize(("word", "code"), WORDS.items())
def test_the_only_route_that_wants_more_than_it_gets_is_left_alone_for_a_day(tmp_path, word, code):
    with running(tmp_path, PERCHANCE_ROUTES="package", PERCHANCE_CLOSED_SECONDS=DAY) as stack:
        stack.play(generate=word)
        for _ in range(3):
            response = stack.get(prompt="a tree")
            assert error_of(response) == (502, code)
            assert DAY - 60 < int(response.headers["Retry-After"]) <= DAY
        assert len(stack.requests_to("generate")) == 1
        engine = stack.worker_health()["engines"]["perchance"]
        assert engine["state"] == "resting"
        assert "Perchance wants" in engine["reason"]
        assert engine["details"]["package_route"].startswith("The route package is closed until 20")
        public = requests.get(f"{stack.worker.url}/health", timeout=5).json()["engines"]["perchance"]
        assert "details" not in public
        assert "reason" not in public


def test_a_closed_route_is_left_out_while_the_other_goes_on(both):
    both.play(page="error_500", generate="client_update_required")
    first = both.get(prompt="a tree")
    assert error_of(first) == (502, "perchance_unexpected_reply")
    assert "Perchance wants a newer client" in first.json()["error"]
    assert both.get(prompt="a tree").status_code == 502
    assert (len(both.requests_to("page")), len(both.requests_to("generate"))) == (2, 1)
    health = both.worker_health()
    assert (health["ready"], health["engines"]["perchance"]["state"]) == (True, "ready")
    assert "Perchance wants a newer client" in health["engines"]["perchance"]["details"]["package_route"]
    both.play()
    assert both.get(prompt="a tree").status_code == 200
    assert len(both.requests_to("generate")) == 1


def test_a_route_that_opens_again_is_tried_again(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", PERCHANCE_CLOSED_SECONDS=2) as stack:
        stack.play(generate="client_update_required", times=1)
        assert error_of(stack.get(prompt="a tree")) == (502, "perchance_client_outdated")
        requests.get(f"{stack.worker.url}/health", timeout=5)
        response = stack.get(prompt="a tree")
        while response.status_code != 200:
            assert error_of(response) == (502, "perchance_client_outdated")
            response = stack.get(prompt="a tree")
        assert "package_route" not in stack.worker_health()["engines"]["perchance"]["details"]


def test_the_package_first_falls_back_to_the_page(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package,page", PERCHANCE_CLOSED_SECONDS=DAY) as stack:
        stack.play(generate="invalid_ad_access_code")
        for _ in range(2):
            assert stack.get(prompt="a tree").status_code == 200
        assert (len(stack.requests_to("make")), len(stack.requests_to("generate"))) == (2, 1)
        stack.play(page="challenge")
        assert error_of(stack.get(prompt="a tree")) == (503, "perchance_verification_required")
