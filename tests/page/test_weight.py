"""How heavy the page is before any picture: all that a newcomer's browser receives."""

from tests.page.received import Received

WIRE_BYTES = 60_000


def test_it_is_light(new_context, record_property):
    page = new_context().new_page()
    received = Received(page)
    page.goto("/", wait_until="networkidle")
    record_property("wire_bytes", sum(received.wire.values()))
    record_property("raw_bytes", sum(received.raw.values()))
    assert {url.rpartition("/")[2] for url in received.wire} >= {"", "app.js", "app.css", "base.css", "models"}
    assert 0 < sum(received.wire.values()) < WIRE_BYTES, received.wire


def test_a_second_visit_loads_no_file_again(new_context):
    context = new_context()
    context.new_page().goto("/", wait_until="networkidle")
    page = context.new_page()
    page.goto("/", wait_until="networkidle")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((it) => [it.name, it.transferSize])")
    static = {name: size for name, size in loaded if "/static/" in name}
    assert len(static) > 2
    assert not any(static.values()), static
