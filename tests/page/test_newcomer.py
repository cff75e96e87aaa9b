"""A newcomer at a phone: a picture, a second one beside it, a shared link and a downloaded file, without reading."""

import hashlib
import io

from PIL import Image
from playwright.sync_api import expect

from tests.page.conftest import PHONE
from tests.page.person import make, make_button, pictures, prompt_field, shown


def test_a_newcomer_gets_a_picture_a_second_one_a_link_and_a_file(visit, new_context):
    phone = visit(**PHONE)
    first = make(phone, "a newcomer's boat at sunset")
    expect(first).to_be_in_viewport()  # without scrolling
    expect(first).to_contain_text("a newcomer's boat at sunset")

    first.get_by_role("button", name="New seed").tap()
    expect(pictures(phone)).to_have_count(2)
    second = pictures(phone).first
    sources = [shown(card).get_attribute("src") for card in (second, pictures(phone).nth(1))]
    assert len(set(sources)) == 2
    expect(pictures(phone).nth(1)).to_contain_text("a newcomer's boat at sunset")

    second.get_by_text("More", exact=True).tap()
    link = second.get_by_role("link", name="Its page").evaluate("(it) => it.href")
    friend = new_context().new_page()
    assert friend.goto(link).ok
    expect(friend.get_by_role("img").first).to_be_visible()
    assert friend.get_by_role("img").first.get_attribute("src").rpartition("/")[2] == sources[0].rpartition("/")[2]

    with phone.expect_download() as download:
        second.get_by_role("button", name="Download").tap()
    file = download.value.path().read_bytes()
    Image.open(io.BytesIO(file)).verify()
    assert hashlib.sha256(file).hexdigest() in sources[0]
    assert download.value.suggested_filename.endswith(".png")


def test_it_does_not_scroll_sideways(visit, look):
    page = visit(**look)
    make(page, "a very-long-word-" + "that-goes-on-and-on-" * 12)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_page_asks_for_nothing_but_words(page):
    expect(prompt_field(page)).to_be_visible()
    expect(make_button(page)).to_be_enabled()
