"""/images/<name>: passed through, conditional and range requests, cached without end, no path to anything else."""

import pytest

from tests.api.conftest import NAME, PICTURE, RESULT


@pytest.fixture(autouse=True)
def picture(worker):
    worker.say(200, PICTURE, Content_Type="text/html", Set_Cookie="a=b", Accept_Ranges="bytes")


def test_it_works(client, worker):
    answer = client.get(f"/images/{NAME}")
    assert answer.data == PICTURE
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{"a" * 64}"'
    assert answer.headers["Content-Length"] == str(len(PICTURE))
    assert "Set-Cookie" not in answer.headers
    assert worker.requests[-1][:2] == ("GET", f"/images/{NAME}")


@pytest.mark.parametrize(("ending", "kind"), [(".jpg", "image/jpeg"), (".webp", "image/webp")])
def test_every_format_has_its_type(client, ending, kind):
    answer = client.get(f"/images/{'b' * 64}{ending}")
    assert (answer.headers["Content-Type"], answer.headers["ETag"]) == (kind, f'"{"b" * 64}"')


def test_a_conditional_request_costs_the_worker_nothing(client, worker):
    answer = client.get(f"/images/{NAME}", headers={"If-None-Match": f'"{"a" * 64}"'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert worker.requests == []


def test_head_requests_the_head_alone(client, worker):
    answer = client.head(f"/images/{NAME}")
    assert (answer.status_code, answer.data) == (200, b"")
    assert worker.requests[-1][0] == "HEAD"


def test_a_range_request_is_passed_on(client, worker):
    worker.say(206, b"byt", Content_Range="bytes 4-6/22")
    answer = client.get(f"/images/{NAME}", headers={"Range": "bytes=4-6"})
    assert (answer.status_code, answer.data, answer.headers["Content-Range"]) == (206, b"byt", "bytes 4-6/22")
    assert worker.requests[-1][2]["Range"] == "bytes=4-6"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x.png",
        "A" * 64 + ".png",
        "a" * 64 + ".jpeg",
        "a" * 64,
        "..%2F..%2Fhealth",
        NAME + "%0A",
        NAME + "/x",
        "%2e%2e/health",
    ],
)
def test_any_other_name_is_not_found_without_a_request_to_the_worker(client, worker, name):
    answer = client.get(f"/images/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert worker.requests == []


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"])
def test_a_prefetch_does_not_make_a_lost_picture_again(client, worker, header):
    worker.say(200, RESULT)
    client.get("/generate?prompt=a+tree&seed=7")
    worker.say_to("/images/", 404, b"{}")
    answer = client.get(f"/images/{NAME}", headers={header: "prefetch;prerender"})
    assert (answer.status_code, answer.json["code"]) == (503, "speculative_request")
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize(("status", "expected"), [(404, (404, "not_found")), (500, (503, "worker_unavailable"))])
def test_a_worker_without_the_picture(client, worker, status, expected):
    worker.say(status, b"{}")
    answer = client.get(f"/images/{NAME}")
    assert (answer.status_code, answer.json["code"]) == expected
