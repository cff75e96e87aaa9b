"""/generate in an address bar, come to again: no reload makes another picture than a person has asked for."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.processes import wait_until
from tests.page.conftest import PHONE
from tests.page.looks import FORBIDDEN_STORAGE
from tests.page.maker import begins, cards, failure, job, prompts_at

COPIED = "[JSON.stringify(history.state), sessionStorage.getItem('making')]"
DUPLICATE = """if (!sessionStorage.getItem("copied")) {
  history.replaceState(%s, "");
  sessionStorage.setItem("making", %s);
  sessionStorage.setItem("copied", "yes");
}"""


def opened(page: Page, prompt: str, others: str = "") -> None:
    """Go to the address that makes a picture without a seed, and wait until it is in the making."""
    page.goto(f"/generate?prompt={prompt.replace(' ', '+')}&model=automatic1111{others}")
    expect(job(page, prompt)).to_be_visible()


def test_a_reload_after_cancel_says_so_and_makes_nothing(page, stack):
    stack.play(delay=5)
    opened(page, "a canceled crane")
    begins(page, "a canceled crane")
    job(page, "a canceled crane").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Canceled: a canceled crane").last).to_be_visible()
    page.reload()
    card = failure(page, "a canceled crane")
    expect(card).to_contain_text("This picture was canceled.")
    assert len(prompts_at(stack, "a canceled crane")) == 1
    stack.play(delay=0)
    card.get_by_role("button", name="Try again").click()
    expect(cards(page, "a canceled crane")).to_have_count(1)
    page.reload()
    expect(cards(page, "a canceled crane")).to_have_count(1)
    expect(card).to_have_count(0)
    assert len(prompts_at(stack, "a canceled crane")) == 2


def test_a_reload_while_it_is_canceled_makes_nothing(page, stack, watch):
    stack.play(delay=5)
    opened(page, "a hasty heron")
    begins(page, "a hasty heron")
    watch.expect("404.*/requests/")  # it is told once more
    page.evaluate("document.querySelector('.job-cancel').click(); location.reload()")
    expect(failure(page, "a hasty heron")).to_contain_text("This picture was canceled.")
    assert len(prompts_at(stack, "a hasty heron")) == 1


def test_a_duplicate_of_the_tab_leaves_it_to_the_first(page, stack):
    stack.play(delay=4)
    opened(page, "a doubled dove")
    begins(page, "a doubled dove")
    state, kept = page.evaluate(COPIED)
    twin = page.context.new_page()
    twin.add_init_script(DUPLICATE % (state, json.dumps(kept)))
    twin.goto(page.url)
    expect(twin.get_by_text("It is in the making in another tab: a doubled dove").last).to_be_visible()
    for tab in (page, twin):
        expect(cards(tab, "a doubled dove")).to_have_count(1)
    twin.reload()
    expect(cards(twin, "a doubled dove")).to_have_count(1)
    twin.wait_for_load_state("networkidle")
    assert len(prompts_at(stack, "a doubled dove")) == 1


def test_a_reload_goes_on_where_storage_is_forbidden(new_context, stack):
    stack.play(delay=4)
    context = new_context()
    context.add_init_script(FORBIDDEN_STORAGE)
    page = context.new_page()
    opened(page, "a forbidden finch")
    begins(page, "a forbidden finch")
    for _ in range(2):
        page.reload()
        expect(cards(page, "a forbidden finch")).to_have_count(1)
    assert len(prompts_at(stack, "a forbidden finch")) == 1


@pytest.mark.parametrize("forbidden", [False, True], ids=["kept", "forbidden"])
def test_a_sheet_that_was_made_in_part_stays_that_way(new_context, stack, watch, forbidden):
    watch.expect("Failed to load resource")
    context = new_context()
    if forbidden:
        context.add_init_script(FORBIDDEN_STORAGE)
    page, prompt = context.new_page(), f"four partial parrots {forbidden}"
    stack.play(automatic1111="crash", times=1)
    page.goto(f"/generate?prompt={prompt.replace(' ', '+')}&model=automatic1111&n=4")
    for _ in range(2):
        expect(failure(page, prompt)).to_contain_text("1 of 4 were not made.")
        expect(page.locator("#pictures img:visible")).to_have_count(3)
        page.reload()
    expect(failure(page, prompt)).to_be_visible()
    assert len(prompts_at(stack, prompt)) == 4


def test_a_reload_does_not_make_anew_what_has_expired(page, stack):
    opened_at = "/generate?prompt=an+expired+eagle&model=automatic1111"
    page.goto(opened_at)
    expect(cards(page, "an expired eagle")).to_have_count(1)
    page.evaluate(
        """() => { const state = history.state;
        state.making.job.results[0].expires_at = "2020-01-01T00:00:00Z";
        history.replaceState(state, ""); }"""
    )
    page.reload()
    page.wait_for_load_state("networkidle")
    expect(cards(page, "an expired eagle")).to_have_count(1)
    assert len(prompts_at(stack, "an expired eagle")) == 1


@pytest.mark.parametrize("number", ["1000000000", "1e300", "-3", "2.5", "0", "11"])
def test_a_number_of_pictures_that_is_none_is_refused_by_the_service(visit, watch, number):
    watch.expect("400")
    page = visit(f"/generate?prompt=too+many+{number}&n={number}")
    expect(failure(page, f"too many {number}")).to_contain_text("n must be")


def test_a_failure_is_in_view_on_a_phone(visit, watch):
    watch.expect("400")
    page = visit("/generate?prompt=a+small+failure&seed=abc", **PHONE)
    expect(failure(page, "a small failure").get_by_text("seed must be")).to_be_in_viewport()
    wait_until(lambda: page.evaluate("scrollY") > 0, "the page's scrolling")


def test_a_removed_picture_does_not_come_back(page, stack):
    page.goto("/generate?prompt=a+removed+rail&model=automatic1111")
    card = cards(page, "a removed rail")
    expect(card).to_have_count(1)
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name="Remove", exact=True).click()
    expect(card).to_have_count(0)
    page.reload()
    page.wait_for_load_state("networkidle")
    expect(card).to_have_count(0)
    assert len(prompts_at(stack, "a removed rail")) == 1
