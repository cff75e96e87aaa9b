"""/robots.txt: crawlers stay off whatever makes or wakes something; link-preview bots may fetch everything."""

from urllib.robotparser import RobotFileParser

import pytest

FREE_PAGES = {
    *("/", "/docs", "/health", "/openapi.json", "/redoc", "/status", "/badge.svg", "/robots.txt"),
    *("/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/manifest.webmanifest"),
}


@pytest.fixture
def rules(client) -> RobotFileParser:
    answer = client.get("/robots.txt")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    parser = RobotFileParser()
    parser.parse(answer.text.splitlines())
    return parser


@pytest.mark.parametrize(
    "crawler", ["Googlebot", "bingbot", "GPTBot", "meta-externalagent", "Pinterestbot", "anything"]
)
def test_it_works(client, rules, crawler):
    paths = {
        "/generate?prompt=a",
        "/generate.png?prompt=a",
        "/images/x.png",
        "/wake",
        "/wake.gif",
        "/stream/generate/txt2img",
        *(rule.rule for rule in client.application.url_map.iter_rules()),
    }
    allowed = {path for path in paths if rules.can_fetch(crawler, path)}
    assert {path for path in allowed if not path.startswith(("/static/", "/vendor/"))} == FREE_PAGES


@pytest.mark.parametrize(
    "bot",
    [
        "Slackbot-LinkExpanding",
        "Slack-ImgProxy",
        "Discordbot",
        "facebookexternalhit",
        "facebookcatalog",
        "Twitterbot",
        "TelegramBot",
        "WhatsApp",
        "LinkedInBot",
    ],
)
def test_a_link_preview_bot_is_welcome(rules, bot):
    assert rules.can_fetch(bot, "/generate?prompt=a")
    assert rules.can_fetch(bot, "/images/x.png")
