"""GET /api/v1/jobs: the machine's own jobs, newest first, page by page."""

import base64
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.api.jobs.conftest import ended

URL = "/api/v1/jobs"


def ids(page) -> list[str]:
    assert page.status_code == 200, page.text
    return [job["job_id"] for job in page.json["jobs"]]


def submitted(client, count: int) -> list[str]:
    return [client.post("/api/v1/generate", json={"prompt": f"{it}"}).json["job_id"] for it in range(count)]


def test_it_works(both):
    made = submitted(both, 5)
    first = both.get(f"{URL}?limit=2")
    assert ids(first) == [made[4], made[3]]
    assert first.headers["Link"] == f'<{first.json["next"]}>; rel="next"'
    more = submitted(both, 2)  # which change no page after the first
    second = both.get(first.json["next"])
    last = both.get(second.json["next"])
    assert (ids(second), ids(last)) == ([made[2], made[1]], [made[0]])
    assert "next" not in last.json
    assert "Link" not in last.headers
    assert ids(both.get(URL)) == [*reversed(more), *reversed(made)]
    assert both.get(f"{URL}?limit=7").json.keys() == {"jobs"}


def test_jobs_are_filtered_by_status_and_the_next_page_too(both, worker):
    worker.say(422, {"success": False, "error": "No.", "code": "content_refused"})
    failed = submitted(both, 3)
    for it in failed:
        ended(both, it)
    first = both.get(f"{URL}?status=FAILED&limit=2")
    assert ids(first) == [failed[2], failed[1]]
    assert ids(both.get(first.json["next"])) == [failed[0]]
    assert ids(both.get(f"{URL}?status=completed")) == []


def test_jobs_are_filtered_by_the_time_that_they_show(both):
    made = []
    for _ in range(3):
        made += submitted(both, 1)
        time.sleep(0.01)
    shown = {job["job_id"]: job["created_at"] for job in both.get(URL).json["jobs"]}
    middle = shown[made[1]]
    moment = datetime.fromisoformat(middle)
    for written in (
        middle,
        middle.replace("+00:00", "Z"),
        middle.removesuffix("+00:00"),
        f"{moment.timestamp():.3f}",
        moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
    ):
        assert ids(both.get(URL, query_string={"since": written})) == [made[2], made[1]], written
        assert ids(both.get(URL, query_string={"until": written})) == [made[0]], written
    next_day = f"{moment + timedelta(days=1):%Y%m%d}"
    assert ids(both.get(URL, query_string={"since": next_day})) == []
    assert len(ids(both.get(URL, query_string={"until": next_day}))) == 3
    assert ids(both.get(f"{URL}?since={middle}")) == [made[2], made[1]]  # whose plus sign is a space
    assert ids(both.get(URL, query_string={"since": middle, "until": shown[made[2]]})) == [made[1]]
    paged = both.get(URL, query_string={"since": middle, "limit": 1})
    assert ids(both.get(paged.json["next"])) == [made[1]]


@pytest.mark.parametrize(
    "moment",
    [
        "0",
        "-5",
        "9999999999",
        "0001-01-01",
        "9999-12-31T23:59:59.999999Z",
        "2026-01-01",
        "2026-W01-1",
        "20260101T000000Z",
        "20260101",
    ],
)
def test_any_time_is_taken(client, moment):
    assert client.get(URL, query_string={"since": moment, "until": moment}).json["jobs"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", value) for value in ("0", "101", "-1", "1e9", "1e999", "x", "1.5", "٣", "9" * 200)),
        *(("cursor", value) for value in ("x", "AAAA", "é", "=", "A" * 28, "A" * 5000, "\x00")),
        *(("status", value) for value in ("cancelled", "done", "pending,failed", "\x00")),
        *(
            ("since", value)
            for value in (
                "x",
                "1764489600000",
                "202611300800",
                "20261130123",
                "2026113010800",
                "20261301",
                "2026-13-01",
                "1e300",
                "nan",
                "inf",
                "٢٠٢٦-٠١-٠١",
                "\x00",
            )
        ),
        *(("until", value) for value in ("yesterday", "2026-01-01T25:00", "9999-12-31T23:59:59-23:59", "9" * 400)),
    ],
)
def test_what_is_invalid_is_refused_by_name(client, name, value):
    for far in ({}, {"REMOTE_ADDR": "203.0.113.9"}):
        answer = client.get(URL, query_string={name: value}, environ_overrides=far)
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter"), answer.text
        assert answer.json["error"].startswith(f"{name} must be"), answer.text


@pytest.mark.parametrize(
    "query", ["page=2", "offset=5", "limit=5&limit=6", "&".join(f"f{it}=1" for it in range(10_000))]
)
def test_a_query_that_is_not_known_is_refused(client, query):
    assert client.get(f"{URL}?{query}").status_code == 400


def test_a_cursor_that_was_changed_is_refused(client):
    submitted(client, 2)
    cursor = client.get(f"{URL}?limit=1").json["next"].partition("cursor=")[2]
    assert client.get(f"{URL}?cursor={cursor}&utm_source=x").status_code == 200
    content = bytearray(base64.urlsafe_b64decode(cursor))
    content[3] ^= 1
    for changed in (cursor[:-1], cursor + "A", cursor.swapcase(), base64.urlsafe_b64encode(content).decode()):
        answer = client.get(URL, query_string={"cursor": changed})
        assert (answer.status_code, answer.json["error"][:14]) == (400, "cursor must be"), changed


def test_an_empty_list_has_no_next(client):
    assert client.get(URL).json == {"jobs": []}
    assert client.head(URL).status_code == 200


def test_other_clients_get_an_empty_page_with_a_hint(client):
    submitted(client, 2)
    answer = client.get(URL, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert (answer.status_code, answer.json["jobs"]) == (200, [])
    assert "status" in answer.json["hint"]
    assert answer.json.keys() == {"jobs", "hint"}


def test_pages_lose_and_repeat_nothing_while_jobs_are_added(client):
    made = submitted(client, 30)
    seen, address = [], f"{URL}?limit=7"
    while address:
        page = client.get(address)
        seen += ids(page)
        submitted(client, 1)
        address = page.json.get("next")
    assert seen == made[::-1]
