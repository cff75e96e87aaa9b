"""The page of a service with AUTH=huggingface: it opens for anybody, and makes pictures with a token."""

import re

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api
from tests.page.person import make_button, pictures, prompt_field, shown


@pytest.fixture(scope="session")
def base_url(servers):
    hub = f"{servers.sandbox.url}/hub"
    settings = {"PERCHANCE_WORKER_URL": servers.worker.url, "WORKER_TOKEN": TOKEN, "SIMULATED": "true"}
    with api(**settings, AUTH="huggingface", HUB_URL=hub) as front:
        yield front.url


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args, base_url):
    """Open pages of this service: the plugin's own fixture keeps the address of the first test of the process."""
    return {**browser_context_args, "base_url": base_url}


@pytest.fixture
def page(visit, watch):
    watch.expect("401|403")
    return visit()


def enter(page, token: str) -> None:
    field = page.get_by_label("API key")
    field.fill(token)
    field.press("Control+Enter")


def ask(page, prompt: str) -> None:
    prompt_field(page).fill(prompt)
    make_button(page).click()


def test_a_picture_is_made_with_a_token(page):
    ask(page, "a picture for a token")
    expect(page.get_by_label("API key")).to_be_focused()
    enter(page, "hf_read_ann")
    shown(pictures(page).first)


def test_a_wrong_token_is_asked_for_again(page):
    ask(page, "a picture for a wrong token")
    enter(page, "hf_unknown_ann")
    expect(page.get_by_label("API key")).to_have_accessible_description(re.compile("did not accept this key"))
    enter(page, "hf_read_ann")
    shown(pictures(page).first)


def test_a_token_without_read_access_is_told_why(page):
    ask(page, "a picture for a narrow token")
    enter(page, "hf_narrow_ann")
    expect(
        page.get_by_role("article", name=re.compile("^Not made")).get_by_text(re.compile("no read access")).first
    ).to_be_visible()


def test_several_pictures_are_made_with_a_token(page):
    ask(page, "a first one")
    enter(page, "hf_read_ann")
    shown(pictures(page).first)
    prompt_field(page).fill("a sheet for a token")
    page.get_by_role("radio", name="A sheet of four").check(force=True)
    make_button(page).click()
    expect(pictures(page).first.get_by_role("button", name=re.compile("^Seed "))).to_have_count(4)


def test_the_address_of_a_picture_opens_its_page(page):
    page.goto("/generate?prompt=a+window&seed=3")
    expect(page.get_by_label("API key")).to_be_focused()
    enter(page, "hf_read_ann")
    shown(pictures(page).first)
