"""A picture's page and the status in a real browser: proportions, copies, the way back to the form, keyboard, axe."""

import pytest
from playwright.sync_api import expect

from tests.page.axe import violations
from tests.page.conftest import DARK, DESKTOP, LIGHT, PHONE

WIDE = {"prompt": "a lighthouse on its own page", "model": "sketch", "seed": 11, "shape": "landscape"}
TALL = {"prompt": "a quiet forest on its own page", "model": "sketch", "seed": 12, "shape": "portrait"}
SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((it) => (sum += it.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 300);
})"""


@pytest.fixture
def made(stack):
    """Return a function that makes a picture and returns the path of its page."""

    def make(**options: object) -> str:
        result = stack.get(**options).json()
        return f"/p/{result['sha256']}.{result['image_url'].rpartition('.')[2]}"

    return make


@pytest.mark.parametrize("options", [WIDE, TALL], ids=["wide", "tall"])
def test_the_picture_is_there_in_its_proportions_without_a_jump(visit, made, look, options):
    page = visit(made(**options), **look)
    picture = page.get_by_role("img", name=options["prompt"])
    expect(picture).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(options["prompt"])
    shown, natural = picture.evaluate("(it) => [it.width / it.height, it.naturalWidth / it.naturalHeight]")
    assert shown == pytest.approx(natural, rel=0.02)
    assert page.evaluate(SHIFTS) == pytest.approx(0, abs=0.01)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert picture.evaluate("(it) => it.getBoundingClientRect().height <= innerHeight")
    assert violations(page) == []


def test_its_place_is_kept_while_the_picture_comes(new_context, made):
    page = new_context().new_page()
    page.route("**/images/*", lambda route: None)  # it does not come
    page.goto(made(**WIDE), wait_until="domcontentloaded")
    picture = page.locator("#picture")
    expect(picture).to_have_css("background-color", color_of(picture.get_attribute("data-ground")))
    expect(page.locator("#blur")).to_be_visible()
    box = picture.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(1.5, rel=0.02)
    page.unroute_all()


def color_of(ground: str) -> str:
    return f"rgb({', '.join(str(int(ground[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_a_picture_that_does_not_come_leaves_a_sentence_and_its_recipe(new_context, made, watch):
    watch.expect(r"Failed to load resource|request failed|404")
    page = new_context().new_page()
    page.route("**/images/*", lambda route: route.fulfill(status=404))
    page.goto(made(**WIDE))
    expect(page.get_by_role("alert")).to_contain_text("cannot be shown")
    expect(page.locator("#picture")).to_be_hidden()
    expect(page.get_by_role("link", name="Make one like this")).to_be_visible()
    page.unroute_all()


def test_make_one_like_this_fills_the_form_and_waits(visit, made, stack):
    page = visit(made(**WIDE, negative_prompt="people", style="watercolor"))
    page.get_by_role("link", name="Make one like this").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(WIDE["prompt"])
    expect(page.get_by_label("Seed", exact=True)).to_have_value(str(WIDE["seed"]))
    expect(page.get_by_label("Style", exact=True)).to_have_value("watercolor")
    assert page.get_by_role("progressbar").count() == 0


def test_texts_are_copied_and_that_is_said(new_context, made, base_url):
    context = new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base_url)
    page = context.new_page()
    path = made(**WIDE)
    page.goto(path)
    for name, text in {"Link to this page": base_url + path, "Prompt": WIDE["prompt"]}.items():
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("status")).to_have_text("Copied.")
        assert page.evaluate("navigator.clipboard.readText()") == text
    page.get_by_role("button", name="Markdown").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert f"]({base_url}{path})" in page.evaluate("navigator.clipboard.readText()")


def test_where_no_page_may_copy_the_text_is_selected(new_context, made):
    context = new_context()
    context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = context.new_page()
    page.goto(made(**WIDE))
    page.get_by_role("button", name="Prompt").click()
    field = page.get_by_role("textbox")
    expect(field).to_have_value(WIDE["prompt"])
    assert field.evaluate("(it) => [it.selectionStart, it.selectionEnd]") == [0, len(WIDE["prompt"])]
    assert violations(page) == []


def test_without_javascript_all_but_the_copies_is_there(visit, made):
    page = visit(made(**WIDE), java_script_enabled=False)
    expect(page.get_by_role("img", name=WIDE["prompt"])).to_be_visible()
    expect(page.get_by_role("link", name="Make one like this")).to_be_visible()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_it_is_downloaded_by_a_good_name(visit, made):
    page = visit(made(**WIDE))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "a-lighthouse-on-its-own-page-11.png"


@pytest.mark.parametrize("options", [DESKTOP | LIGHT, PHONE | DARK], ids=["desktop", "phone"])
def test_the_status_reads_well(visit, stack, options):
    page = visit("/status", **options)
    expect(page.get_by_role("heading", level=1)).to_have_text("Up")
    assert page.get_by_role("table").get_by_role("row").count() >= 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


@pytest.mark.parametrize("options", [DESKTOP | DARK, PHONE | LIGHT], ids=["desktop", "phone"])
def test_no_picture_is_a_page_that_says_so(visit, watch, options):
    watch.expect(r"Failed to load resource.*404")
    page = visit(f"/p/{'f' * 64}.png", **options)
    expect(page.get_by_role("heading", level=1)).to_have_text("No picture here")
    assert violations(page) == []
    page.get_by_role("main").get_by_role("link", name="Make a picture").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
