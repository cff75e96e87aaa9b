"""The route through the site's own page: its frame, its messages, and the picture on another host."""

import concurrent.futures

import pytest

from tests.end_to_end.test_perchance_responses import error_of
from tests.fakes.processes import wait_until


def test_it_works(by_page):
    body = by_page.get(prompt="a tree", shape="landscape", seed=5, guidance_scale=9, negative_prompt="people").json()
    assert (body["success"], body["seed"], body["guidance_scale"]) == (True, 5, 9)
    assert by_page.picture(body["image_url"]).size == (768, 512)
    assert by_page.requests_to("generate") == []
    sent = by_page.requests_to("make")[-1]["body"]
    sent.pop("id")
    assert sent == {
        "prompt": "a tree",
        "format": "json",
        "resolution": "768x512",
        "negativePrompt": "people",
        "guidanceScale": "9",
        "seed": "5",
    }


def test_what_is_the_page_s_default_is_left_out_and_a_random_seed_comes_back(by_page):
    body = by_page.get(prompt="ต้นไม้ 🌲 & more").json()
    sent = by_page.requests_to("make")[-1]["body"]
    assert set(sent) == {"prompt", "format", "id", "resolution"}
    assert sent["prompt"] == "ต้นไม้ 🌲 & more"
    assert body["seed"] >= 0


def test_a_message_to_the_parent_alone_arrives(by_page):
    by_page.play(post_to="parent")
    assert by_page.get(prompt="a tree").status_code == 200


def test_a_frame_within_the_page_that_fails_is_the_page_s_own_affair(by_page):
    by_page.play(page="advertisement", delay=0.5)
    assert by_page.get(prompt="a tree").status_code == 200


@pytest.mark.parametrize("page", ["noise", "forged"])
def test_messages_of_another_api_id_or_origin_are_ignored(by_page, page):
    by_page.play(page=page, delay=0.5)
    assert by_page.get(prompt="a tree").status_code == 200


REFUSALS = [
    ({"page": "challenge"}, 503, "perchance_verification_required"),
    ({"page": "challenge_within"}, 503, "perchance_verification_required"),
    ({"page": "refused_429"}, 503, "perchance_rate_limited"),
    ({"page": "refused_400"}, 502, "perchance_request_refused"),
    ({"page": "refused_500"}, 502, "perchance_generation_failed"),
    ({"page": "refused_999"}, 502, "perchance_unexpected_reply"),
    ({"page": "error_500"}, 502, "perchance_unexpected_reply"),
    ({"page": "elsewhere"}, 502, "perchance_unexpected_reply"),
    ({"page": "silent"}, 504, "timeout"),
    ({"page": "hang"}, 504, "timeout"),
    ({"upload": "redirect"}, 502, "perchance_unexpected_reply"),
    ({"upload": "404"}, 502, "picture_missing"),
    ({"upload": "empty"}, 502, "picture_empty"),
    ({"upload": "cut"}, 502, "picture_broken"),
    ({"upload": "broken_off"}, 502, "picture_broken"),
    ({"upload": "wrong_size"}, 502, "picture_wrong_size"),
    ({"upload": "not_a_picture"}, 502, "picture_unreadable"),
    ({"upload": "oversized"}, 502, "picture_too_large"),
    ({"upload": "hang"}, 504, "timeout"),
]


@pytest.mark.parametrize(("scenario", "status", "code"), REFUSALS)
def test_each_refusal_has_its_code_and_the_next_picture_is_made(by_page, scenario, status, code):
    by_page.play(**scenario)
    assert error_of(by_page.get(prompt="a tree")) == (status, code)
    by_page.play()
    wait_until(lambda: by_page.worker_health()["ready"], "a closed circuit breaker")
    assert by_page.get(prompt="a tree").status_code == 200


def test_what_is_left_of_a_failed_picture_does_not_fail_the_next(by_page):
    for _ in range(15):
        by_page.play(page="advertisement", upload="empty")
        assert error_of(by_page.get(prompt="a tree")) == (502, "picture_empty")
        by_page.play()
        assert by_page.get(prompt="a tree").status_code == 200


@pytest.mark.parametrize("page", ["challenge", "challenge_within", "error_500"])
def test_what_stands_before_the_page_is_reported_without_waiting_for_the_page(by_page, page):
    by_page.get(prompt="a tree")  # so that the session has visited the site
    by_page.play(page=page)
    assert by_page.get(prompt="a tree").status_code in (502, 503)  # and no 504 of the phase


def test_a_rate_limit_lasts_as_long_as_the_site_said(by_page):
    by_page.play(page="refused_429")
    assert by_page.get(prompt="a tree").headers["Retry-After"] == "2"
    assert 1 <= int(by_page.get(prompt="a tree").headers["Retry-After"]) <= 2
    assert len(by_page.requests_to("page")) == 1
    by_page.play()
    wait_until(lambda: by_page.get(prompt="a tree").status_code == 200, "a closed circuit breaker")


def test_a_picture_that_is_not_there_yet_is_waited_for(by_page):
    by_page.play(upload="404", times=3)
    assert by_page.get(prompt="a tree").status_code == 200
    assert len(by_page.requests_to("upload")) == 4


class TestBothRoutes:
    def test_the_page_comes_first(self, by_both):
        assert by_both.get(prompt="a tree").status_code == 200
        assert (len(by_both.requests_to("make")), len(by_both.requests_to("generate"))) == (1, 0)

    @pytest.mark.parametrize("page", ["error_500", "silent", "hang", "refused_999", "elsewhere"])
    def test_a_page_that_is_out_of_date_or_unavailable_falls_back_within_the_request(self, by_both, page):
        by_both.play(page=page)
        assert by_both.get(prompt="a tree").status_code == 200
        assert len(by_both.requests_to("generate")) == 1

    def test_a_prompt_too_long_for_an_address_goes_by_the_other_route(self, by_both):
        assert by_both.get(prompt="🌲" * 2000).status_code == 200
        assert len(by_both.requests_to("generate")) == 1

    @pytest.mark.parametrize("page", ["challenge", "refused_429", "refused_400", "refused_500"])
    def test_a_human_check_a_limit_or_a_refusal_does_not(self, by_both, page):
        by_both.play(page=page)
        assert by_both.get(prompt="a tree").status_code in (502, 503)
        assert by_both.requests_to("generate") == []

    def test_requests_side_by_side_share_one_session(self, by_both):
        with concurrent.futures.ThreadPoolExecutor() as clients:
            responses = list(clients.map(lambda number: by_both.get(prompt=f"tree {number}"), range(3)))
        assert [response.status_code for response in responses] == [200, 200, 200]
        assert by_both.gauge()["peak"] == 1
