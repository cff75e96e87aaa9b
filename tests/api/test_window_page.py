"""/generate in a browser's address bar: a page in place of JSON, which costs no generation."""

import re

import pytest

from tests.api.conftest import NAME

ADDRESS_BAR = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}


def test_it_is_the_page_and_costs_no_generation(client, worker):
    answer = client.get("/generate?prompt=a+tree", headers=ADDRESS_BAR)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert {"Accept", "Sec-Fetch-Dest", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "<body data-starts>" in answer.text
    assert worker.asked_to_make() == []


def test_the_front_page_starts_nothing(client):
    assert "data-starts" not in client.get("/", headers=ADDRESS_BAR).text


@pytest.mark.parametrize("query", ["", "prompt=", "prompt=a&seed=many", "prompt=a&sede=1", "prompt=a&n=99"])
def test_what_is_invalid_is_said_on_the_page_too(client, query):
    assert client.get(f"/generate?{query}", headers=ADDRESS_BAR).mimetype == "text/html"


@pytest.mark.parametrize(
    ("query", "link"),
    [
        ("prompt=a+%22tree%22&seed=5", "generate?prompt=a+%22tree%22&amp;seed=5&amp;format=image"),
        ("prompt=a&n=4&%6E=4&output_format=webp", "generate?prompt=a&amp;output_format=webp&amp;format=image"),
        ("prompt=a&format=&response_format=", "generate?prompt=a&amp;format=image"),
        ("utm_source=x&prompt=a&&fbclid=y", "generate?prompt=a&amp;format=image"),
        ('prompt=a"><script>', "generate?prompt=a&#34;&gt;&lt;script&gt;&amp;format=image"),
    ],
)
def test_without_scripts_there_is_a_link_to_the_picture(client, query, link):
    page = client.get(f"/generate?{query}", headers=ADDRESS_BAR).text
    noscript = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)[1]
    assert re.findall(r'href="(generate[^"]*)"', noscript) == [link]


@pytest.mark.parametrize("name", ["api_key", "API%5fKEY", "token", "authorization", "sede", "a-secret"])
def test_a_parameter_that_is_unknown_is_repeated_nowhere(client, name):
    page = client.get(f"/generate?prompt=a&{name}=a-secret", headers=ADDRESS_BAR)
    assert page.mimetype == "text/html"
    assert "a-secret" not in page.text + str(page.headers)
    assert 'href="generate' not in page.text


@pytest.mark.parametrize("query", ["format=json", "response_format=url", "format=JSON"])
def test_a_form_of_response_that_is_named_is_no_page(client, query):
    answer = client.get(f"/generate?prompt=a&{query}", headers=ADDRESS_BAR)
    assert answer.mimetype == "application/json"


def test_a_picture_that_is_named_is_a_picture(client, keeps):
    data = keeps()
    for path in ("/generate.png?prompt=a", "/generate?prompt=a&format=image"):
        answer = client.get(path, headers=ADDRESS_BAR)
        assert (answer.mimetype, answer.data) == ("image/png", data)
    answer = client.get("/generate?prompt=a&format=redirect", headers=ADDRESS_BAR)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost/images/{NAME}")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": ADDRESS_BAR["Accept"]},
        {"Accept": "*/*", "Sec-Fetch-Dest": "empty"},
        {"Accept": "*/*", "Sec-Fetch-Dest": "document"},
        {"Accept": "application/json", "Sec-Fetch-Dest": "document"},
        {**ADDRESS_BAR, "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_all_others_get_what_they_got(client, headers):
    answer = client.get("/generate?prompt=a", headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Vary"] == "Accept, Sec-Fetch-Dest"


def test_an_event_stream_stays_one(client):
    answer = client.get("/generate?prompt=a", headers={"Accept": "text/event-stream", "Sec-Fetch-Dest": "document"})
    assert answer.mimetype == "text/event-stream"


def test_a_post_stays_json(client):
    answer = client.post("/generate", json={"prompt": "a"}, headers=ADDRESS_BAR)
    assert answer.mimetype == "application/json"


@pytest.mark.parametrize("purpose", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_a_prefetch_is_refused(client, worker, purpose):
    answer = client.get("/generate?prompt=a", headers=ADDRESS_BAR | purpose)
    assert (answer.status_code, answer.json["code"]) == (503, "speculative_request")
    assert worker.asked_to_make() == []


def test_a_link_preview_bot_gets_its_own_page(client, worker):
    bot = ADDRESS_BAR | {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"}
    page = client.get("/generate?prompt=a+tree", headers=bot).text
    assert "og:title" in page
    assert "data-starts" not in page
    assert worker.asked_to_make() == []


def test_head_is_the_head_of_the_page(client):
    head, got = (client.open("/generate?prompt=a", method=way, headers=ADDRESS_BAR) for way in ("HEAD", "GET"))
    assert (head.status_code, head.mimetype, head.data) == (200, "text/html", b"")
    assert {name: head.headers[name] for name in ("Vary", "Cache-Control")} == {
        name: got.headers[name] for name in ("Vary", "Cache-Control")
    }
