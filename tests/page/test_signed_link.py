"""A signed link in an address bar: the page makes its picture without a key, and no other one."""

import re

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import TOKEN
from tests.fakes.links import KEY, link
from tests.fakes.processes import api
from tests.page.maker import failure, job, prompts_at
from tests.page.person import make_button, pictures, prompt_field, shown


@pytest.fixture(scope="session")
def base_url(servers):
    hub = f"{servers.sandbox.url}/hub"
    settings = {"PERCHANCE_WORKER_URL": servers.worker.url, "WORKER_TOKEN": TOKEN, "SIMULATED": "true"}
    with api(**settings, AUTH="huggingface", HUB_URL=hub, SIGNING_KEYS=KEY) as front:
        yield front.url


def test_it_makes_its_picture_without_a_key(visit, stack):
    page = visit(link("/generate", "prompt=a+signed%20boat&seed=3&model=automatic1111"))
    shown(pictures(page).first)
    expect(page.get_by_label("API key")).to_be_hidden()
    page.reload()
    shown(pictures(page).first)
    assert len(prompts_at(stack, "a signed boat")) == 1


def test_one_with_a_long_prompt_works_too(visit, stack):
    prompt = "%C3%A9" * 1200
    page = visit(link("/generate", f"prompt={prompt}&model=automatic1111"))
    shown(pictures(page).first)
    assert len(prompts_at(stack, "é" * 1200)) == 1


def test_another_picture_needs_a_key(visit, watch):
    watch.expect("401")
    page = visit(link("/generate", "prompt=a+first+boat&model=automatic1111"))
    shown(pictures(page).first)
    prompt_field(page).fill("a second boat")
    make_button(page).click()
    expect(page.get_by_label("API key")).to_be_focused()
    assert "signature" not in page.url


def test_a_canceled_one_asks_for_no_key(visit, watch, stack):
    watch.expect("401")  # only a key takes a request back
    stack.play(delay=20)
    page = visit(link("/generate", "prompt=a+slow+boat&model=automatic1111"))
    job(page, "a slow boat").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text(re.compile("anceled")).first).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()


def test_an_expired_one_says_so(visit, watch):
    watch.expect("403")
    page = visit(link("/generate", "prompt=an+old+boat", seconds=-3600))
    expect(page.get_by_text("This link has expired")).to_be_visible()
    expect(page.get_by_text("Ask its maker for a new one.")).to_be_visible()


def test_one_that_expires_while_the_page_is_open_says_so(visit, watch, stack):
    watch.expect("403")
    address = link("/generate", "prompt=a+late+boat&model=automatic1111", seconds=-1)
    page = visit("/")
    page.evaluate("history.replaceState({}, '', '/generate')")
    page.evaluate("document.body.dataset.starts = ''")
    page.evaluate(
        """async (search) => {
          const { mountMaking } = await import("/static/any/making.js");
          mountMaking(document.getElementById("making"), { made() {}, fill() {} })
            .open(search, { prompt: "a late boat" });
        }""",
        address.partition("/generate")[2],
    )
    card = failure(page, "a late boat")
    expect(card).to_contain_text("This link has expired, or was changed. Ask for a new one.")
    expect(card.get_by_role("button", name="Try again")).to_have_count(0)
