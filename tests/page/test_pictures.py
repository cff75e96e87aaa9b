"""The cards of pictures: they come without a jump, stay, and say what they are and what went wrong."""

import base64
import json

import fast_blurhash
import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import PHONE
from tests.page.person import make, make_button, pictures, prompt_field, shown

# What moves within the progress, as its words change, is no part of a picture's arrival; it may be gone by now. What
# slides to its new place does not jump: a slow Chromium counts the frame in which that begins.
SHIFTS = """window.shifts = [];
const slid = new Map(), { animate } = Element.prototype;
Element.prototype.animate = function (...given) {
  slid.set(this, performance.now());
  return animate.apply(this, given);
};
const slides = (node, at) => Math.abs(at - slid.get(node)) < 500;
new PerformanceObserver((list) => {
  const moved = ({ sources, startTime }) => sources.filter(({ node }) =>
    node && !node.parentElement?.closest("#making") && !slides(node, startTime));
  for (const entry of list.getEntries()) if (!entry.hadRecentInput && moved(entry).length)
    shifts.push([entry.value, ...moved(entry).map(({ node }) => node?.outerHTML?.slice(0, 60))]);
}).observe({ type: "layout-shift" })"""
RATIO = "(it) => it.getBoundingClientRect().width / it.getBoundingClientRect().height"
HOSTILE = {
    "script": '<script>document.title = "taken"</script><img src=x onerror="document.title=1">',
    "quotes": """a 'single', "double" and `back` quoted $(echo cat) \\ ${HOME} %s &amp; </script>""",
    "right_to_left": "\u202eעיר על הים\u202c, مدينة 42",
    "emoji": "👩‍👩‍👧‍👦 at a 🏖️ with 🐙",
    "long": "one word and another " * 95,
}


def settled(page: Page) -> None:
    """Wait until nothing of the page's start moves any more, and begin to count what does."""
    page.wait_for_load_state("networkidle")
    page.evaluate(SHIFTS)


def test_a_picture_comes_without_a_jump(page, stack):
    stack.play(delay=1)  # what a click brings about counts as no shift for half a second
    settled(page)
    for number in range(3):
        make(page, f"a lake without a jump {number}")
        page.wait_for_timeout(700)  # until all that slides is in its place
    assert page.evaluate("shifts") == []


def test_the_page_of_a_phone_does_not_jump_either(visit, stack):
    stack.play(delay=1)
    page = visit(**PHONE)
    settled(page)
    for number in range(2):
        make(page, f"a lake of a phone {number}")
        page.wait_for_timeout(700)
    assert page.evaluate("shifts") == []


def test_the_picture_s_place_is_there_before_it_and_has_its_proportion(page):
    page.route("**/images/*", lambda route: None)  # never answered
    prompt_field(page).fill("a tall tower that takes its time")
    page.get_by_role("radio", name="Portrait").check(force=True)
    make_button(page).click()
    frame = pictures(page).first.locator("img")
    expect(frame).to_be_attached()
    assert frame.evaluate(RATIO) == pytest.approx(2 / 3, rel=0.01)
    blur = pictures(page).first.locator("canvas")
    assert blur.evaluate("(it) => new Set(it.getContext('2d').getImageData(0, 0, it.width, it.height).data).size") > 20
    assert blur.evaluate("(it) => getComputedStyle(it.parentElement).backgroundColor") != "rgba(0, 0, 0, 0)"
    page.unroute_all(behavior="ignoreErrors")


def test_a_new_picture_takes_no_other_s_place(page):
    for number in range(3):
        make(page, f"a boat that stays {number}")
    expect(pictures(page)).to_contain_text([f"a boat that stays {number}" for number in (2, 1, 0)])
    sources = [shown(card).get_attribute("src") for card in pictures(page).all()]
    assert len(set(sources)) == 3


@pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_prompt_is_text_everywhere(page, prompt):
    prompt = prompt.strip()
    title = page.title()
    card = make(page, prompt)
    card.get_by_text("Recipe", exact=True).click()
    expect(card.locator("dd").first).to_have_text(prompt, use_inner_text=False)
    page.get_by_text("Prompts so far").click()
    page.locator(".history li button").first.click()
    expect(prompt_field(page)).to_have_value(prompt)
    assert page.locator("#pictures script, #pictures [onerror]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    shown(pictures(page).first)
    assert title in page.title()


def kept(page: Page) -> list[dict]:
    """Return what the browser keeps of the pictures."""
    return page.evaluate(
        "Object.entries(localStorage).filter(([key]) => key.startsWith('picture/')).map(([, it]) => JSON.parse(it))"
    )


def keep_again(page: Page, **changes: object) -> None:
    """Keep the only picture with other fields of its result, and load the page anew."""
    (entry,) = kept(page)
    entry["result"].update(changes)
    page.evaluate(
        "(text) => { const [key] = Object.keys(localStorage).filter((it) => it.startsWith('picture/'));"
        " localStorage.setItem(key, text); }",
        json.dumps(entry),
    )
    page.reload()


def test_a_picture_that_is_gone_says_so_and_is_made_again(page, watch, base_url):
    watch.expect("404")
    make(page, "a house that is gone")
    keep_again(page, image_url=f"{base_url}/images/{'0' * 64}.png", sha256="0" * 64)
    card = pictures(page).first
    expect(card).to_contain_text("This picture is gone.")
    expect(card.get_by_role("button", name="Try again")).to_be_hidden()
    card.get_by_role("button", name="Make it again").click()
    expect(pictures(page)).to_have_count(2)
    shown(pictures(page).first)


def test_an_address_that_has_expired_says_so(page, watch, base_url):
    watch.expect("404")
    make(page, "a house at an old address")
    keep_again(page, image_url=f"{base_url}/images/{'1' * 64}.png", expires_at="2020-01-01T00:00:00+00:00")
    expect(pictures(page).first).to_contain_text("The address of this picture has expired.")


def test_a_picture_that_could_not_be_loaded_is_loaded_on_a_second_try(page, watch):
    watch.expect("Failed to load resource|ERR_FAILED")
    page.route("**/images/*", lambda route: route.abort())
    prompt_field(page).fill("a bridge behind a broken line")
    make_button(page).click()
    card = pictures(page).first
    retry = card.get_by_role("button", name="Try again")
    expect(card.locator("[aria-live]")).to_contain_text("could not be loaded")
    page.unroute("**/images/*")
    retry.focus()
    page.keyboard.press("Enter")
    shown(card)
    expect(retry).to_have_count(0)
    expect(card).to_be_focused()


def test_with_a_key_the_picture_is_loaded_with_it(page):
    with page.expect_request("**/images/*") as asked:
        page.evaluate("sessionStorage.setItem('api-key', 'a-key-of-the-tests')")
        card = make(page, "a castle behind a key")
    assert asked.value.headers["authorization"] == "Bearer a-key-of-the-tests"
    assert shown(card).get_attribute("src").startswith("blob:")
    assert "a-key-of-the-tests" not in page.evaluate("JSON.stringify(localStorage)")
    page.evaluate("() => { window.revoked = []; URL.revokeObjectURL = (url) => revoked.push(url); }")
    source = shown(card).get_attribute("src")
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name="Remove", exact=True).click()
    expect(pictures(page)).to_have_count(0)
    assert page.evaluate("revoked") == [source]


def test_a_blurhash_is_drawn_as_the_worker_s_library_does(page):
    module = page.locator("script[type=module]").get_attribute("src").replace("app.js", "blurhash.js")
    decode = """async ([module, hash, width, height]) => {
      const { decode } = await import(new URL(module, location.href));
      const pixels = decode(hash, width, height);
      return pixels && btoa(String.fromCharCode(...pixels));
    }"""
    for hash_, width, height in (
        ("LEHV6nWB2yk8pyo0adR*.7kCMdnj", 32, 32),
        ("U8FOMqRQX+%K{BIVrua$4yIpwfoL}uS4O;s.", 32, 21),
        ("00Ko[5", 3, 2),
    ):
        drawn = base64.b64decode(page.evaluate(decode, [module, hash_, width, height]))
        expected = fast_blurhash.decode(hash_, width, height)
        colors = bytes(channel for at, channel in enumerate(drawn) if at % 4 < 3)
        assert set(drawn[3::4]) == {255}
        assert max(abs(one - other) for one, other in zip(colors, expected, strict=True)) <= 1
    for broken in ("", "L", "LEHV6nWB2yk8pyo0adR*.7kCMdn", "LEHV6nWB2yk8pyo0adR*.7kCMdn<"):
        assert page.evaluate(decode, [module, broken, 4, 4]) is None
