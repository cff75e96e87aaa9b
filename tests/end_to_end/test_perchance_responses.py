"""Every known response of the site, and the error that the client gets for it."""

import time

import pytest
import requests


def error_of(response: requests.Response) -> tuple[int, str]:
    """Return the status and code of an error. Raises AssertionError if it has another shape than errors have."""
    body = response.json()
    assert body["success"] is False
    assert body["error"].endswith(".")
    assert body["request_id"]
    assert body["simulated"] is True
    return response.status_code, body["code"]


REFUSALS = [
    ({"verify": "failed_verification"}, 503, "perchance_verification_required"),
    ({"verify": "verification_required"}, 503, "perchance_verification_required"),
    ({"verify": "challenge"}, 503, "perchance_verification_required"),
    ({"generate": "challenge"}, 503, "perchance_verification_required"),
    ({"generate": "failed_verification"}, 503, "perchance_verification_required"),
    ({"download": "challenge"}, 503, "perchance_verification_required"),
    ({"verify": "too_many_requests"}, 503, "perchance_rate_limited"),
    ({"generate": "too_many_requests"}, 503, "perchance_rate_limited"),
    ({"generate": "gen_failure"}, 502, "perchance_generation_failed"),
    ({"generate": "stale_request"}, 502, "perchance_stale_request"),
    ({"generate": "invalid_data"}, 502, "perchance_request_refused"),
    ({"generate": "network_busy"}, 503, "perchance_busy"),
    ({"verify": "fetch_failure"}, 503, "perchance_busy"),
    ({"generate": "client_update_required"}, 502, "perchance_client_outdated"),
    ({"generate": "invalid_ad_access_code"}, 502, "perchance_access_code_required"),
    ({"generate": "invalid_access_code"}, 502, "perchance_access_code_required"),
    ({"verify": "a_word_nobody_knows"}, 502, "perchance_unexpected_reply"),
    ({"generate": "a_word_nobody_knows"}, 502, "perchance_unexpected_reply"),
    ({"generate": "a_word_nobody_knows", "http_status": 418}, 502, "perchance_unexpected_reply"),
    ({"generate": "html"}, 502, "perchance_unexpected_reply"),
    ({"verify": "empty_500"}, 502, "perchance_unexpected_reply"),
    ({"download": "404"}, 502, "picture_missing"),
    ({"download": "empty"}, 502, "picture_empty"),
    ({"download": "cut"}, 502, "picture_broken"),
    ({"download": "wrong_size"}, 502, "picture_wrong_size"),
    ({"download": "not_a_picture"}, 502, "picture_unreadable"),
    ({"download": "oversized"}, 502, "picture_too_large"),
    ({"verify": "hang"}, 504, "timeout"),
    ({"generate": "hang"}, 504, "timeout"),
    ({"download": "hang"}, 504, "timeout"),
]


@pytest.mark.parametrize(("scenario", "status", "code"), REFUSALS)
def test_each_refusal_has_its_code_and_the_next_picture_is_made(stack, scenario, status, code):
    stack.play(**scenario)
    assert error_of(stack.get(prompt="a tree")) == (status, code)
    stack.play()
    assert stack.get(prompt="a tree").status_code == 200


@pytest.mark.parametrize("endpoint", ["verify", "generate"])
def test_a_refusal_is_not_retried(stack, endpoint):
    stack.play(**{endpoint: "failed_verification"})
    stack.get(prompt="a tree")
    path = {"verify": "verifyUser", "generate": "generate"}[endpoint]
    assert len(stack.requests_to(path)) == 1


@pytest.mark.parametrize(("word", "attempts"), [("gen_failure", 2), ("stale_request", 2)])
def test_a_transient_failure_is_retried_once(stack, word, attempts):
    stack.play(generate=word, times=1)
    assert stack.get(prompt="a tree").status_code == 200
    assert len(stack.requests_to("generate")) == attempts


def test_a_picture_that_is_not_there_yet_is_waited_for(stack):
    stack.play(download="404", times=3)
    assert stack.get(prompt="a tree").status_code == 200
    assert len(stack.requests_to("download")) == 4


def test_an_unknown_status_is_quoted(stack):
    stack.play(generate="a_word_nobody_knows")
    assert "a_word_nobody_knows" in stack.get(prompt="a tree").json()["error"]


def test_the_site_s_previous_picture_is_waited_for(stack):
    stack.play(generate="waiting_for_prev_request_to_finish", times=3)
    assert stack.get(prompt="a tree").status_code == 200
    assert len(stack.requests_to("generate")) == 4


def test_an_expired_key_is_replaced_once(stack):
    assert stack.get(prompt="a tree").status_code == 200
    stack.expire_keys()
    assert stack.get(prompt="a tree").status_code == 200
    assert [entry["played"] for entry in stack.requests_to("generate")] == ["ok", "invalid_key", "ok"]


def test_a_key_s_life_ends_by_itself(stack):
    stack.expire_keys()
    stack.play(key_seconds=0.3)
    assert stack.get(prompt="a tree").status_code == 200
    time.sleep(0.4)
    assert stack.get(prompt="a tree").status_code == 200
    assert len(stack.requests_to("verifyUser")) == 2


def test_keys_that_are_refused_again_and_again_are_an_unexpected_reply(stack):
    stack.play(generate="invalid_key")
    assert error_of(stack.get(prompt="a tree")) == (502, "perchance_unexpected_reply")
    assert len(stack.requests_to("generate")) == 2


def test_the_key_is_requested_once_for_several_pictures(stack):
    stack.expire_keys()
    for _ in range(6):
        assert stack.get(prompt="a tree").status_code == 200
    assert len(stack.requests_to("verifyUser")) == 1


def test_the_human_check_after_many_quick_requests_is_reported(stack):
    stack.play(wall_after=2)
    codes = [stack.get(prompt="a tree").json().get("code") for _ in range(3)]
    assert codes == [None, None, "perchance_verification_required"]


def test_a_timeout_names_the_phase_and_its_limit(stack):
    stack.play(generate="hang")
    assert "6 seconds while generating" in stack.get(prompt="a tree").json()["error"]


def test_failures_are_remembered_in_the_worker_s_health(stack):
    stack.play(generate="too_many_requests")
    request_id = stack.get(prompt="a tree").json()["request_id"]
    last = stack.worker_health()["last_errors"][0]
    assert (last["code"], last["request_id"]) == ("perchance_rate_limited", request_id)
