"""robots.txt (RFC 9309): crawlers stay off whatever makes or wakes something; link-preview bots cost nothing."""

from flask import current_app

from image_api.preview_bots import INVITED

FREE = {
    *("/", "/docs", "/health", "/openapi.json", "/redoc", "/status", "/badge.svg", "/robots.txt", "/static", "/vendor"),
    *("/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/manifest.webmanifest"),
}


def robots_text() -> str:
    """Return the text. Each address of this service is forbidden but the free ones."""
    prefixes = {_first_part(rule.rule) for rule in current_app.url_map.iter_rules()} - FREE
    invited = [f"User-agent: {name}" for name in INVITED]
    forbidden = [f"Disallow: {prefix}" for prefix in sorted(prefixes)]
    return "\n".join([*invited, "Allow: /", "", "User-agent: *", *forbidden, ""])


def _first_part(rule: str) -> str:
    """Return a rule's path up to its second slash or its first variable: /images, /generate."""
    return "/" + rule[1:].partition("/")[0].partition("<")[0].rstrip(".")
