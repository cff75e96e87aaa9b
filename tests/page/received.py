"""What a page has received over the wire, heads of responses included, as Chromium counts it."""

from typing import Any

from playwright.sync_api import Page


class Received:
    """The bytes of a page's responses by URL: `wire` as they came, `raw` those of the bodies when unpacked."""

    def __init__(self, page: Page) -> None:
        """Listen to a page, before it loads anything."""
        self._urls: dict[str, str] = {}
        self.wire: dict[str, int] = {}
        self.raw: dict[str, int] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.dataReceived", self._got)
        session.on("Network.loadingFinished", self._done)

    def _asked(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _got(self, event: dict[str, Any]) -> None:
        url = self._urls[event["requestId"]]
        self.raw[url] = self.raw.get(url, 0) + event["dataLength"]

    def _done(self, event: dict[str, Any]) -> None:
        url = self._urls[event["requestId"]]
        self.wire[url] = self.wire.get(url, 0) + event["encodedDataLength"]
