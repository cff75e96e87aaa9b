"""Link-preview bots, by their User-Agents, cost nothing: a page with Open Graph tags, and pictures from the cache."""

from html.parser import HTMLParser

import pytest

from image_api.preview_bots import is_preview_bot
from image_api.services import services_of
from tests.api.conftest import NAME, PICTURE, RESULT

BOTS = {
    "Slack": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack's pictures": "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Discord": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Discord's media": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.10; rv:38.0) Gecko/20100101 Firefox/38.0",
    "Facebook": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Facebook's catalog": "facebookcatalog/1.0",
    "Meta's fetcher": "meta-externalfetcher/1.1",
    "Meta's agent": "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "Twitter": "Twitterbot/1.0",
    "Telegram": "TelegramBot (like TwitterBot)",
    "WhatsApp": "WhatsApp/2.23.20.0 A",
    "Signal": "WhatsApp/2",
    "LinkedIn": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Messages": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
        "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
    ),
    "Teams": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "Mastodon": "Mastodon/4.3.0 (http.rb/5.2.0; +https://mastodon.social/) Bot",
    "Bluesky": "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)",
    "Matrix": "Synapse (bot; +https://github.com/matrix-org/synapse)",
    "LINE": "facebookexternalhit/1.1;line-poker/1.0",
    "KakaoTalk": "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984",
    "Pinterest": "Mozilla/5.0 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)",
    "Reddit": "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
    "VK": "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Embedly": "Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)",
    "in capitals": "TWITTERBOT/1.0",
}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
PEOPLE = [
    "",
    "curl/8.5.0",
    "python-requests/2.34.2",
    "DiscordBot (https://github.com/discordjs/discord.js, 14.16.3)",  # as Discord tells its API's clients to
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari",
    f"{IPHONE} [FBAN/FBIOS;FBAV/480.0.0]",
    f"{IPHONE} Instagram 330.0.0",
    f"{IPHONE} [Pinterest/iOS]",
    f"{IPHONE} Safari Line/14.0.0",
    f"{IPHONE} KAKAOTALK 10.0.0",
    f"{IPHONE} [LinkedInApp]/9.30",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Slack/4.38.125 Chrome/124.0 Electron/30.0.2 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 discord/1.0.9035 Chrome/120.0 Electron/28.2.10 Safari/537.36",
]
SLACK = {"User-Agent": BOTS["Slack"]}
SEEDED = "prompt=a+tree&seed=7"


class Tags(HTMLParser):
    """Collects a page's meta tags, title and elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.elements: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        named = dict(attrs)
        if tag == "meta" and "content" in named:
            self.meta[named.get("property") or named["name"]] = named["content"]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def cached(client, worker):
    """Return a client of a service that has a picture of SEEDED in its cache, and a worker that has the file."""
    client.get(f"/generate?{SEEDED}")
    worker.say_to("/images/", 200, PICTURE)
    worker.requests.clear()
    return client


@pytest.mark.parametrize("user_agent", BOTS.values(), ids=BOTS)
def test_it_works(client, worker, user_agent):
    answer = client.get("/generate?prompt=a+tree", headers={"User-Agent": user_agent, "Accept": "*/*"})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    tags = Tags(answer.text)
    assert (tags.meta["og:title"], tags.meta["twitter:card"]) == ("a tree", "summary")
    assert "og:image" not in tags.meta
    assert client.get("/generate.png?prompt=a+tree", headers={"User-Agent": user_agent}).status_code == 503
    assert worker.requests == []


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_people_get_their_picture(client, user_agent):
    assert client.get("/generate?prompt=a+tree", headers={"User-Agent": user_agent}).json["success"] is True


def test_a_user_agent_without_end_is_looked_at_up_to_a_bound():
    assert is_preview_bot("x " * 100 + "Twitterbot")
    assert not is_preview_bot("x" * 60_000 + " Twitterbot")


def test_the_page_names_the_cached_picture(cached, worker):
    answer = cached.get(f"/generate?{SEEDED}", headers=SLACK)
    tags = Tags(answer.text)
    assert tags.meta["og:image"] == f"http://localhost/images/{NAME}"
    assert (tags.meta["og:image:type"], tags.meta["twitter:card"]) == ("image/png", "summary_large_image")
    assert (tags.meta["og:image:width"], tags.meta["og:image:height"]) == (str(RESULT["width"]), str(RESULT["height"]))
    assert worker.requests == []


def test_the_page_is_inert(client):
    prompt = '"><script>alert(1)</script>\n<img src=x onerror=y>&amp;'
    answer = client.get("/generate", query_string={"prompt": prompt}, headers=SLACK)
    tags = Tags(answer.text)
    assert tags.meta["og:title"] == prompt.replace("\n", " ")
    assert tags.elements == {"html", "head", "meta", "title", "body", "h1", "p"}
    assert tags.meta["robots"] == "noindex"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "User-Agent" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/generate.png?", "/generate?format=image&"])
def test_the_address_of_a_picture_returns_the_cached_one(cached, worker, path):
    answer = cached.get(path + SEEDED, headers={**SLACK, "Range": "bytes=0-9999"})
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PICTURE, "image/png")
    assert [request[:2] for request in worker.requests] == [("GET", f"/images/{NAME}")]


@pytest.mark.parametrize(
    ("query", "headers"),
    [("&format=redirect", {}), ("", {"Accept": "image/*"}), ("", {"Sec-Fetch-Dest": "image"})],
)
def test_the_address_of_a_picture_redirects_to_the_cached_one(cached, worker, query, headers):
    answer = cached.get(f"/generate?{SEEDED}{query}", headers={**SLACK, **headers})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost/images/{NAME}")
    refused = cached.get(f"/generate?prompt=b{query}", headers={**SLACK, **headers})
    assert (refused.status_code, refused.json["code"]) == (503, "speculative_request")
    assert worker.requests == []


@pytest.mark.parametrize("query", ["prompt=a+tree", f"{SEEDED}&cache=false", "prompt=a+tree&seed=8"])
def test_what_would_be_made_anew_has_no_picture(cached, worker, query):
    assert "og:image" not in Tags(cached.get(f"/generate?{query}", headers=SLACK).text).meta
    refused = cached.get(f"/generate.png?{query}", headers=SLACK)
    assert (refused.status_code, refused.json["code"]) == (503, "speculative_request")
    assert refused.headers["Cache-Control"] == "no-store"
    assert worker.requests == []


def test_a_lost_file_is_not_made_again(cached, worker):
    worker.say_to("/images/", 404, b"{}")
    for path in (f"/images/{NAME}", f"/generate.png?{SEEDED}"):
        answer = cached.get(path, headers=SLACK)
        assert (answer.status_code, answer.json["code"]) == (503, "speculative_request")
    assert worker.asked_to_make() == []
    worker.say(200, {**RESULT, "image_url": f"/images/{'b' * 64}.png"})
    worker.say_to("/images/", 404, b"{}")
    assert cached.get(f"/images/{NAME}").status_code == 302  # for a person it is


def test_a_stored_picture_is_served(cached):
    answer = cached.get(f"/images/{NAME}", headers=SLACK)
    assert (answer.status_code, answer.data) == (200, PICTURE)


def test_no_worker_is_woken_or_waited_for(client_with):
    client = client_with(perchance_worker_url="http://127.0.0.1:9")
    for path in (f"/images/{NAME}", "/wake", "/wake.gif", "/models", "/v1/models", "/ready"):
        assert client.get(path, headers=SLACK).status_code == 503
    assert not services_of(client.application).worker.cold_start._is_in_flight()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/generate", {}),
        ("POST", "/v1/images/generate", {}),
        ("POST", "/v1/images/generations", {}),
        ("GET", "/generate?prompt=a", {"Accept": "text/event-stream"}),
        ("GET", "/generate?prompt=a", {"Accept": "text/event-stream", "Last-Event-ID": "x:1"}),
        ("GET", "/generate.png?prompt=a", {"Accept": "text/event-stream"}),
        ("GET", "/wake", {}),
        ("GET", "/stream/generate/txt2img", {}),
    ],
)
def test_whatever_costs_something_is_refused(client, worker, method, path, headers):
    body = {"json": {"prompt": "a"}} if method == "POST" else {}
    answer = client.open(path, method=method, headers={**SLACK, **headers}, **body)
    assert answer.status_code == 503
    assert "speculative_request" in answer.text
    assert worker.requests == []


@pytest.mark.parametrize("path", ["/models", "/ready", "/wake", "/wake.gif", "/v1/models", "/v1/models/auto"])
def test_an_address_that_makes_no_picture_promises_none(client, path):
    answer = client.get(path, headers=SLACK)
    error = answer.json.get("error")
    assert answer.status_code == 503
    assert "could wake the render worker" in (error["message"] if isinstance(error, dict) else error)
    assert "hint" not in (error if isinstance(error, dict) else answer.json)


def test_an_invalid_parameter_is_refused_as_ever(client):
    answer = client.get("/generate?prompt=a&width=5", headers=SLACK)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert client.get("/nowhere", headers=SLACK).status_code == 404


def test_the_front_page_is_a_page(client):
    answer = client.get("/", headers=SLACK)
    assert Tags(answer.text).meta["og:title"] == "Image Generation API"
    assert client.get("/").mimetype == "application/json"


def test_head_has_the_head_of_get(cached):
    for path in (f"/generate?{SEEDED}", f"/generate.png?{SEEDED}", "/generate.png?prompt=b", "/"):
        get, head = (cached.open(path, method=method, headers=SLACK) for method in ("GET", "HEAD"))
        assert (head.status_code, head.mimetype, head.data) == (get.status_code, get.mimetype, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
