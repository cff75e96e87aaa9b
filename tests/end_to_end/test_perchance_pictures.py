"""The package route's ways to a picture, and its wait for the picture before it."""

import pytest

from tests.end_to_end.test_deadline import with_deadline
from tests.end_to_end.test_perchance_responses import error_of
from tests.fakes.processes import wait_until

BUSY = "waiting_for_prev_request_to_finish"


def endpoints(stack, *names: str) -> list[str]:
    """Return the requests to those endpoints, in their order."""
    log = [entry for name in names for entry in stack.requests_to(name)]
    return [entry["endpoint"] for entry in sorted(log, key=lambda entry: entry["at"])]


def ways(stack) -> list[str]:
    return endpoints(stack, "link", "download")


def made(stack) -> None:
    """Ask for a picture, and check that it is the one that was asked for."""
    body = stack.get(prompt="a tree", shape="landscape", seed=7, guidance_scale=4, cache="false").json()
    assert (body.get("code"), body["success"], body.get("seed"), body.get("guidance_scale")) == (None, True, 7, 4.0)
    assert stack.picture(body["image_url"]).size == (768, 512)


@pytest.mark.parametrize("flagged", [True, False])
def test_the_site_s_own_classification_is_told(stack, flagged):
    stack.play(flagged=flagged)
    assert stack.get(prompt="a tree", cache="false").json()["nsfw"] is flagged


@pytest.mark.parametrize("announces", ["link", "link_alone"])
def test_the_single_use_link_is_used_once_and_first(stack, announces):
    stack.play(announces=announces)
    made(stack)
    assert ways(stack) == ["link"]


@pytest.mark.parametrize(
    "fault", ["refused", "404", "empty", "not_a_picture", "broken_off", "oversized", "redirect", "hang", "error_drip"]
)
def test_a_link_that_fails_gives_way_to_the_id(stack, fault):
    stack.play(announces="link", link=fault)
    made(stack)
    assert ways(stack) == ["link", "download"]


def test_a_link_whose_connection_breaks_gives_way_to_the_id(stack):
    stack.play(announces="link", link="reset")
    made(stack)
    assert ways(stack)[-1] == "download"  # before it Chromium itself may have asked twice, if the connection was old


def test_a_link_that_has_expired_gives_way_to_the_id(stack):
    stack.play(announces="link", link_seconds=0.001)
    made(stack)
    assert [entry["played"] for entry in stack.requests_to("link")] == ["refused"]
    assert ways(stack) == ["link", "download"]


def test_behind_a_link_that_fails_the_id_s_picture_is_waited_for(stack):
    stack.play(announces="link", link="404", download="404", times=4)
    made(stack)
    assert ways(stack) == ["link", *["download"] * 4]


def test_a_human_check_at_the_link_is_not_worked_around(stack):
    stack.play(announces="link", link="challenge")
    assert error_of(stack.get(prompt="a tree")) == (503, "perchance_verification_required")
    assert ways(stack) == ["link"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("refused", "picture_missing"),
        ("404", "picture_missing"),
        ("empty", "picture_empty"),
        ("not_a_picture", "picture_unreadable"),
        ("oversized", "picture_too_large"),
        ("redirect", "perchance_unexpected_reply"),
    ],
)
def test_without_an_id_a_failed_link_is_the_end(stack, fault, code):
    stack.play(announces="link_alone", link=fault)
    assert error_of(stack.get(prompt="a tree")) == (502, code)
    assert ways(stack) == ["link"]


@pytest.mark.parametrize("announces", ["link_elsewhere", "link_sideways"])
def test_a_link_to_another_host_is_never_followed(stack, announces):
    stack.play(announces=announces)
    made(stack)
    assert ways(stack) == ["download"]


def test_a_picture_within_the_reply_is_taken(stack):
    stack.play(announces="data")
    made(stack)
    assert ways(stack) == []


def test_what_is_no_picture_within_the_reply_gives_way_to_the_id(stack):
    stack.play(announces="data_broken")
    made(stack)
    assert ways(stack) == ["download"]


def test_an_endless_reply_is_cut_and_the_next_picture_is_made(stack):
    stack.play(announces="data_endless")
    assert error_of(stack.get(prompt="a tree")) == (502, "perchance_unexpected_reply")
    stack.play()
    made(stack)


def test_the_previous_picture_is_awaited_and_not_asked_for_again_and_again(stack):
    stack.play(generate=BUSY, await_previous="pending", times=4)
    made(stack)
    assert endpoints(stack, "generate", "await_previous") == ["generate", *["await_previous"] * 4, "generate"]


@pytest.mark.parametrize("fault", ["404", "html", "something_new", "hang"])
def test_a_site_that_does_not_tell_of_it_is_asked_for_the_picture(stack, fault):
    stack.play(generate=BUSY, await_previous=fault, times=4)
    made(stack)
    asked = endpoints(stack, "generate", "await_previous")
    assert asked == ["generate", "await_previous", *["generate"] * 3]


@pytest.mark.parametrize(
    ("word", "code"),
    [("challenge", "perchance_verification_required"), ("too_many_requests", "perchance_rate_limited")],
)
def test_a_refusal_of_the_wait_is_the_picture_s(stack, word, code):
    stack.play(generate=BUSY, await_previous=word)
    assert error_of(stack.get(prompt="a tree")) == (503, code)
    assert len(stack.requests_to("generate")) == 1


def test_a_key_that_the_wait_refuses_is_replaced(stack):
    stack.play(generate=BUSY, await_previous="invalid_key", times=2)
    made(stack)
    assert endpoints(stack, "generate", "await_previous", "verifyUser")[-2:] == ["verifyUser", "generate"]


@pytest.mark.parametrize("await_previous", ["pending", "ok", "404"])
def test_a_site_that_is_never_done_is_busy_after_a_bounded_wait(stack, await_previous):
    scenario = {"generate": BUSY, "await_previous": await_previous}
    stack.play(**scenario)
    assert error_of(stack.get(prompt="a tree")) == (503, "perchance_busy")
    assert len(stack.requests_to("generate")) <= 20


def test_the_deadline_ends_the_wait_at_the_site(stack):
    stack.play(generate=BUSY, await_previous="hang")
    with with_deadline(stack, 1) as short:
        assert short.get(prompt="a tree").json()["code"] == "timeout"
    wait_until(lambda: stack.requests_to("await_previous")[0]["outcome"] == "aborted", "the wait's end")
    stack.play()
    made(stack)
    assert endpoints(stack, "generate", "await_previous") == ["generate", "await_previous", "generate"]
