"""The service below a prefix of a proxy: page, files, models, streams, pictures and links all stay below it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api
from tests.page.person import make
from tests.page.prefix_proxy import behind_prefix


@pytest.fixture(scope="module")
def below(servers) -> Iterator[str]:
    """Run another API tier behind the proxy; yield its address there."""
    settings = {"TRUSTED_PROXIES": "loopback", "SIMULATED": "true"}
    with api(PERCHANCE_WORKER_URL=servers.worker.url, WORKER_TOKEN=TOKEN, **settings) as front:
        with behind_prefix(front.url, "/own/pictures") as address:
            yield address


def test_everything_stays_below_it(below, new_context, watch):
    watch.allow(below.removesuffix("/own/pictures"))
    context = new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(f"{below}/")
    card = make(page, "a boat behind a proxy")
    card.get_by_text("More", exact=True).click()
    for link in page.get_by_role("link").all():
        assert link.evaluate("(it) => it.href").startswith((f"{below}/", "blob:")), link.evaluate(
            "(it) => it.outerHTML"
        )
    page.goto(card.get_by_role("link", name="Its page").evaluate("(it) => it.href"))
    expect(page.get_by_role("img").first).to_be_visible()
    assert any("/images/" in url for url in asked)
    assert [url for url in asked if not url.startswith((f"{below}/", "blob:", "data:"))] == []


@pytest.mark.parametrize("path", ["/generate?prompt=a+boat+in+the+address+bar", "/status", "/docs"])
def test_other_pages_stay_below_it_too(below, new_context, watch, path):
    watch.allow(below.removesuffix("/own/pictures"))
    context = new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    assert page.goto(below + path, wait_until="networkidle").ok
    assert len(asked) > 1
    assert [url for url in asked if not url.startswith((f"{below}/", "blob:", "data:"))] == []
