"""Coming back: a reload amid a picture, back and forward, and a link to a filled form."""

import re
from urllib.parse import urlencode

from playwright.sync_api import expect

from tests.page.person import make, make_button, pictures, prompt_field, shown


def test_a_reload_amid_a_picture_collects_it_and_pays_once(page, stack):
    stack.play(delay=3)
    prompt_field(page).fill("a boat that survives a reload")
    make_button(page).click()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    page.wait_for_timeout(500)
    page.reload()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    expect(pictures(page)).to_have_count(1)
    shown(pictures(page).first)
    assert len(stack.requests_to("horde")) == 1, stack.requests_to("horde")


def test_a_link_fills_the_form_and_waits_for_a_click(visit, stack):
    query = {
        "prompt": "a boat by a link",
        "seed": 7,
        "model": "horde",
        "aspect_ratio": "16:9",
        "negative_prompt": "fog",
    }
    page = visit(f"/?{urlencode(query)}")
    expect(prompt_field(page)).to_have_value("a boat by a link")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    expect(page.get_by_label("Negative prompt")).to_have_value("fog")
    expect(page.get_by_role("radio", name="16:9")).to_be_checked()
    page.wait_for_load_state("networkidle")
    assert stack.requests_to("horde") == []
    expect(pictures(page)).to_have_count(0)
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    expect(pictures(page).first.get_by_text("Seed 7")).to_be_visible()


def test_back_and_forward_keep_pictures_and_words(page):
    make(page, "a boat that stays")
    page.get_by_role("link", name="Status").click()
    expect(page).to_have_url(re.compile("/status$"))
    page.go_back()
    expect(pictures(page)).to_have_count(1)
    shown(pictures(page).first)
    expect(prompt_field(page)).to_have_value("a boat that stays")
    page.go_forward()
    expect(page).to_have_url(re.compile("/status$"))


def test_closing_the_tab_and_coming_back_shows_the_pictures(new_context):
    context = new_context()
    page = context.new_page()
    page.goto("/")
    make(page, "a boat to come back to")
    page.close()
    again = context.new_page()
    again.goto("/")
    expect(pictures(again)).to_have_count(1)
    shown(pictures(again).first)
