"""How heavy the page is before any picture: all that a newcomer's browser receives, heads of responses included."""

from playwright.sync_api import Page

WIRE_BYTES = 60_000


class Received:
    """What a page has received, by URL: bytes over the wire, and bytes of the bodies when they are unpacked."""

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

    def _asked(self, event: dict) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _got(self, event: dict) -> None:
        url = self._urls[event["requestId"]]
        self.raw[url] = self.raw.get(url, 0) + event["dataLength"]

    def _done(self, event: dict) -> None:
        url = self._urls[event["requestId"]]
        self.wire[url] = self.wire.get(url, 0) + event["encodedDataLength"]


def test_it_is_light(new_context, record_property):
    page = new_context().new_page()
    received = Received(page)
    page.goto("/", wait_until="networkidle")
    record_property("wire_bytes", sum(received.wire.values()))
    record_property("raw_bytes", sum(received.raw.values()))
    assert {url.rpartition("/")[2] for url in received.wire} >= {"", "main.js", "base.css", "models"}
    assert 0 < sum(received.wire.values()) < WIRE_BYTES, received.wire


def test_a_second_visit_loads_no_file_again(new_context):
    context = new_context()
    context.new_page().goto("/", wait_until="networkidle")
    page = context.new_page()
    page.goto("/", wait_until="networkidle")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((it) => [it.name, it.transferSize])")
    static = {name: size for name, size in loaded if "/static/" in name}
    assert len(static) > 5
    assert not any(static.values()), static
