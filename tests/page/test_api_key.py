"""The page of a service with AUTH=keys: it asks for an API key, makes and shows pictures with it, and says refusals."""

import re

import pytest
from playwright.sync_api import expect

from image_api.auth.api_key import hash_of, new_key
from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api
from tests.page.maker import failure
from tests.page.person import ask, enter_key, pictures, shown

RIGHT, OLD, READER, FEW = (new_key() for _ in range(4))
ENTRIES = {
    "right": hash_of(RIGHT),
    "old": f"{hash_of(OLD)}:expires=2020-01-01",
    "reader": f"{hash_of(READER)}:scopes=jobs",
    "few": f"{hash_of(FEW)}:per-day=1",
}


@pytest.fixture(scope="session")
def base_url(servers):
    keys = ",".join(f"{name}:{entry}" for name, entry in ENTRIES.items())
    settings = {"PERCHANCE_WORKER_URL": servers.worker.url, "WORKER_TOKEN": TOKEN, "SIMULATED": "true"}
    with api(**settings, AUTH="keys", API_KEYS=keys) as front:
        yield front.url


@pytest.fixture
def page(visit, watch):
    watch.expect("401|403|429")
    return visit()


def test_a_picture_is_made_and_shown_with_a_key(page):
    ask(page, "a picture for a key")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("This service wants a key. Enter it here"))
    expect(failure(page, "a picture for a key")).to_contain_text("The service wants a key. Give it in the form")
    enter_key(page, RIGHT)
    assert re.match("blob:", shown(pictures(page).first).get_attribute("src"))
    assert RIGHT not in page.url
    assert RIGHT not in page.evaluate("JSON.stringify(localStorage)")


def test_a_wrong_key_is_asked_for_again(page):
    ask(page, "a picture for a wrong key")
    enter_key(page, new_key())
    refusal = failure(page, "a picture for a wrong key").first
    expect(refusal).to_contain_text("did not accept this key. Give another one")
    expect(page.get_by_label("API key")).to_have_accessible_description(re.compile("did not accept this key"))
    enter_key(page, RIGHT)
    shown(pictures(page).first)


def test_an_expired_key_is_told_since_when(page):
    ask(page, "a picture for an old key")
    enter_key(page, OLD)
    expect(failure(page, "a picture for an old key").first).to_contain_text("2020-01-02")
    expect(page.get_by_label("API key")).to_have_accessible_description(re.compile("did not accept this key"))


def test_a_key_without_the_scope_is_told_why_and_another_one_is_tried(page):
    ask(page, "a picture for a reader")
    enter_key(page, READER)
    card = failure(page, "a picture for a reader").first
    expect(card).to_contain_text("lacks the scope generate")
    expect(card.get_by_role("button", name=re.compile("^Use "))).to_have_count(0)
    enter_key(page, RIGHT)
    shown(pictures(page).first)


def test_a_key_that_has_had_its_pictures_is_told_to_wait(page):
    ask(page, "a first picture of a few")
    enter_key(page, FEW)
    shown(pictures(page).first)
    ask(page, "a second picture of a few")
    card = failure(page, "a second picture of a few")
    expect(card).to_contain_text("You have had as many pictures made as you may for now.")
    expect(card).to_contain_text(re.compile(r"[Ww]orks? .*\d"))
    expect(card.get_by_role("button", name=re.compile("^Use "))).to_have_count(0)
