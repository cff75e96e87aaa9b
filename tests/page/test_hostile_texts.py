"""Texts that would like to be more than texts stay texts, wherever the page shows them."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.page.person import make, make_button, pictures, prompt_field

HOSTILE = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror=window.ran=1>",
    "\"><svg onload=window.ran=1> '; window.ran=1; //",
    "</script><script>window.ran = 1</script><!--",
    "{{ 7*7 }} ${window.ran = 1} {prompt} %s [a](javascript:window.ran=1)",
    "javascript:window.ran=1",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_prompt_stays_text_from_the_address_to_the_picture_s_page(visit, words):
    page = visit(f"/?{urlencode({'prompt': words, 'model': 'sketch', 'negative_prompt': words})}")
    expect(prompt_field(page)).to_have_value(words)
    card = make(page, words)
    expect(card).to_contain_text(words)
    assert words in card.get_by_role("img").first.get_attribute("alt")
    for details in card.locator("summary").all():
        details.click()
    expect(card).to_contain_text(words)
    page.reload()
    expect(pictures(page).first).to_contain_text(words)
    link = pictures(page).first
    link.get_by_text("More", exact=True).click()
    assert page.evaluate("window.ran") is None
    page.goto(link.get_by_role("link", name="Its page").evaluate("(it) => it.href"))
    expect(page.get_by_text(words).first).to_be_visible()
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("words", HOSTILE[:4])
def test_a_failure_says_a_hostile_prompt_as_text(visit, watch, words):
    watch.expect("Failed to load resource")
    page = visit(f"/?{urlencode({'prompt': words, 'model': words})}")
    make_button(page).click()
    failure = page.get_by_role("article", name=re.compile("^Not made: "))
    expect(failure.get_by_role("heading")).to_have_text(words)
    assert page.evaluate("window.ran") is None
