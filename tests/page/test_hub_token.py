"""The page of a service with AUTH=huggingface: it opens for anybody, and makes pictures with a token."""

import re

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api
from tests.page.person import ask, enter_key, make_button, pictures, prompt_field, shown


@pytest.fixture(scope="session")
def base_url(servers):
    hub = f"{servers.sandbox.url}/hub"
    settings = {"PERCHANCE_WORKER_URL": servers.worker.url, "WORKER_TOKEN": TOKEN, "SIMULATED": "true"}
    with api(**settings, AUTH="huggingface", HUB_URL=hub) as front:
        yield front.url


@pytest.fixture
def page(visit, watch):
    watch.expect("401|403")
    return visit()


def test_a_picture_is_made_with_a_token(page):
    ask(page, "a picture for a token")
    expect(page.get_by_label("API key")).to_be_focused()
    enter_key(page, "hf_read_ann")
    shown(pictures(page).first)


def test_a_wrong_token_is_asked_for_again(page):
    ask(page, "a picture for a wrong token")
    enter_key(page, "hf_unknown_ann")
    expect(page.get_by_label("API key")).to_have_accessible_description(re.compile("did not accept this key"))
    enter_key(page, "hf_read_ann")
    shown(pictures(page).first)


def test_a_token_without_read_access_is_told_why(page):
    ask(page, "a picture for a narrow token")
    enter_key(page, "hf_narrow_ann")
    expect(
        page.get_by_role("article", name=re.compile("^Not made")).get_by_text(re.compile("no read access")).first
    ).to_be_visible()


def test_several_pictures_are_made_with_a_token(page):
    ask(page, "a first one")
    enter_key(page, "hf_read_ann")
    shown(pictures(page).first)
    prompt_field(page).fill("a sheet for a token")
    page.get_by_role("radio", name="A sheet of four").check(force=True)
    make_button(page).click()
    expect(pictures(page).first.get_by_role("button", name=re.compile("^Seed "))).to_have_count(4)


def test_the_address_of_a_picture_opens_its_page(page):
    page.goto("/generate?prompt=a+window&seed=3")
    expect(page.get_by_label("API key")).to_be_focused()
    enter_key(page, "hf_read_ann")
    shown(pictures(page).first)
