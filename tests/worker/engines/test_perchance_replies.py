"""What is read out of the internal API's replies, and what odd ones mean."""

import json

import pytest

from render_worker.engines.perchance.errors import (
    AccessCodeRequired,
    ClientOutdated,
    PerchanceChanged,
    RateLimited,
    VerificationRequired,
)
from render_worker.engines.perchance.replies import (
    KeyRefused,
    PreviousUnfinished,
    is_previous_running,
    read_generated,
)
from render_worker.errors import EngineError

SITE = "https://image-generation.perchance.org"
WHOLE = {"status": "success", "imageId": "ab", "seed": 7, "guidanceScale": 7.5, "maybeNsfw": True}
DEEP = '{"a":' * 100_000


def generated(reply: object, status: int = 200, **headers: str):
    text = reply if isinstance(reply, str) else json.dumps(reply)
    return read_generated(status, headers, text, f"{SITE}/api")


def test_all_of_it_is_read():
    found = generated(WHOLE | {"imageDownloadUrl": "/api/downloadTemporaryImageViaProxy?t=v1.a%2Bb.c"})
    assert (found.image_id, found.seed, found.guidance_scale, found.nsfw) == ("ab", 7, 7.5, True)
    assert found.link == f"{SITE}/api/downloadTemporaryImageViaProxy?t=v1.a%2Bb.c"


def test_what_a_reply_leaves_out_is_unknown():
    found = generated({"imageDataUrls": ["data:image/jpeg;base64,AAAA"]})
    assert (found.image_id, found.seed, found.guidance_scale, found.nsfw, found.link) == ("", None, None, None, None)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/a",
        "//evil.example/a",
        "/\\evil.example/a",
        "\\\\evil.example/a",
        "http://image-generation.perchance.org/a",
        "https://image-generation.perchance.org:444/a",
        "https://image-generation.perchance.org@evil.example/a",
        "https://user@image-generation.perchance.org/a",
        "https://image-generation.perchance.org.evil.example/a",
        "\t//evil.example/a",
        "javascript:alert(1)",
        "data:image/jpeg;base64,AAAA",
        "https://[::1",
        "/" + "a" * 5000,
        "",
        None,
        7,
        ["/a"],
        {"url": "/a"},
    ],
)
def test_a_link_elsewhere_or_of_another_kind_is_none(link):
    assert generated(WHOLE | {"imageDownloadUrl": link}).link is None


@pytest.mark.parametrize("urls", [None, 7, {}, "data:image/jpeg;base64,AAAA", [None, 7, {}, []]])
def test_data_urls_of_another_kind_are_none(urls):
    assert generated(WHOLE | {"imageDataUrls": urls}).data_urls == ()


@pytest.mark.parametrize(
    ("change", "value"),
    [("seed", "7"), ("seed", 7.5), ("seed", True), ("seed", 10**400), ("seed", [7]), ("guidanceScale", "7")],
)
def test_numbers_that_are_none_are_an_unexpected_reply(change, value):
    with pytest.raises(PerchanceChanged, match="no number"):
        generated(WHOLE | {change: value})


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        ({"status": "client_update_required"}, 200, ClientOutdated),
        ({"status": "client_update_required", "imageId": "ab"}, 400, ClientOutdated),
        ({"status": "invalid_access_code"}, 200, AccessCodeRequired),
        ({"status": "waiting_for_prev_request_to_finish"}, 203, PreviousUnfinished),
        ({"status": "success"}, 200, PerchanceChanged),
        ({"status": ["success"]}, 200, PerchanceChanged),
        ({"status": {}}, 429, RateLimited),
        ({"imageId": ""}, 200, PerchanceChanged),
        ({"imageId": 7}, 200, PerchanceChanged),
        ([WHOLE], 200, PerchanceChanged),
        ("", 0, PerchanceChanged),
        (DEEP, 200, PerchanceChanged),
        ('{"seed":' + "9" * 5000 + "}", 200, PerchanceChanged),
        ("<title>Just a moment...</title>", 403, VerificationRequired),
    ],
)
def test_anything_else_is_an_error_with_its_meaning(reply, status, error):
    with pytest.raises(error):
        generated(reply, status)


@pytest.mark.parametrize(
    ("reply", "running"),
    [
        ('{"status":"success"}', False),
        ('{"status":"pending"}', True),
        ('{"status":"something"}', None),
        ('{"status":["pending"]}', None),
        ("{}", None),
        ("[]", None),
        ("", None),
        ("<!DOCTYPE html>Cannot GET", None),
        (DEEP, None),
    ],
)
def test_the_word_for_the_previous_picture_or_none(reply, running):
    assert is_previous_running(200, {}, reply) is running


@pytest.mark.parametrize(
    ("status", "headers", "reply", "error"),
    [
        (403, {"cf-mitigated": "challenge"}, "", VerificationRequired),
        (429, {}, "", RateLimited),
        (200, {}, '{"status":"too_many_requests"}', RateLimited),
        (200, {}, '{"status":"invalid_key"}', KeyRefused),
        (200, {}, '{"status":"client_update_required"}', ClientOutdated),
    ],
)
def test_a_refusal_of_that_question_counts(status, headers, reply, error):
    with pytest.raises(EngineError) as raised:
        is_previous_running(status, headers, reply)
    assert isinstance(raised.value, error)
