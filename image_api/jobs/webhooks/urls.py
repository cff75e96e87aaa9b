"""The check of a webhook's URL when its job is submitted. Nothing is looked up or connected to here."""

import re

from image_api.errors import InvalidParameter
from image_api.jobs.errors import WebhooksDisabled
from image_api.outbound.public_hosts import AllowedURLs
from image_api.settings import Settings

MAX_URL = 2000  # characters
PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces and backslashes


class WebhookURLs:
    """Decides which URLs this service would send webhooks to. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.webhook_secret is not None
        self._urls = AllowedURLs(settings.webhook_origins)

    def check(self, url: str) -> None:
        """Raise InvalidParameter if no webhook would be sent there."""
        if not self._enabled:
            raise WebhooksDisabled
        if len(url) > MAX_URL or "#" in url or not PRINTABLE.fullmatch(url) or not self._urls.allows(url):
            raise InvalidParameter(
                "webhook_url must be an https address of a public host by its name, like https://client.example/hook,"
                f" of up to {MAX_URL:,} characters, without a user or a fragment."
            )
