"""What can be done with a picture: copies, downloads, variations, other seeds, comparing two."""

import io
import re
import subprocess

import pytest
import requests
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.axe import violations
from tests.page.conftest import PHONE
from tests.page.person import make, make_button, pictures, prompt_field, sheet_of_four, shown

QUOTES = """a cat's "hat" `id` $(id) \\ <b> & [x](y) !1 @file"""
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def copied(page: Page, card: Locator, name: str) -> str:
    """Copy something of a picture, and return what the clipboard has."""
    page.evaluate("navigator.clipboard.writeText('')")
    card.get_by_role("button", name=f"Copy {name}").click()
    page.wait_for_function("navigator.clipboard.readText().then((it) => it !== '')")
    expect(card.get_by_role("status")).to_contain_text("Copied")
    return page.evaluate("navigator.clipboard.readText()")


def seed_of(card: Locator) -> int:
    """Return the seed that a card shows."""
    return int(re.search(r"Seed (\d+)", card.inner_text()).group(1))


@pytest.fixture
def quoted(visit) -> tuple[Page, Locator]:
    """Return a page, and its picture of a prompt full of quotes, with all that can be done."""
    page = visit(**CLIPBOARD)
    card = make(page, QUOTES)
    card.get_by_text("More", exact=True).click()
    return page, card


def test_copies_are_complete_and_quoted(quoted, base_url):
    page, card = quoted
    address = copied(page, card, "picture's address")
    assert address.startswith(f"{base_url}/images/")
    assert Image.open(io.BytesIO(requests.get(address, timeout=30).content)).size == (768, 768)
    assert copied(page, card, "link") == address.replace("/images/", "/p/")
    alt, target = re.fullmatch(r"!\[(.*)\]\((.*)\)", copied(page, card, "Markdown")).groups()
    assert target == address
    assert re.sub(r"\\(.)", r"\1", alt) == QUOTES
    assert not re.search(r"(?<!\\)[\[\]<`]", alt)
    markup = copied(page, card, "HTML")
    assert f'src="{address}"' in markup
    assert "&quot;hat&quot;" in markup
    assert "&lt;b&gt; &amp;" in markup


def test_the_copied_curl_makes_the_same_picture(quoted, tmp_path):
    page, card = quoted
    command = copied(page, card, "curl")
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    (file,) = tmp_path.iterdir()
    texts = Image.open(file).text
    assert texts["prompt"] == QUOTES
    assert int(texts["seed"]) == seed_of(card)


def test_without_a_clipboard_the_text_is_selected_in_a_field(page):
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.reload()
    card = make(page, "a barn without a clipboard")
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name="Copy link").click()
    field = card.get_by_role("textbox")
    expect(field).to_be_focused()
    assert page.evaluate("getSelection().toString()") == field.input_value()
    assert "/p/" in field.input_value()


SHARING = """navigator.share = (data) => {
  window.shared = data;
  return window.refusal ? Promise.reject(new DOMException("no", refusal)) : Promise.resolve();
}"""


def test_a_phone_shares_the_picture_s_page(visit):
    page = visit(**PHONE, **CLIPBOARD)
    page.add_init_script(SHARING)
    page.reload()
    card = make(page, "a beach to share")
    share = card.get_by_role("button", name="Share")
    share.click()
    assert page.evaluate("shared.title") == "a beach to share"
    assert "/p/" in page.evaluate("shared.url")
    for refusal, says in (("AbortError", ""), ("NotAllowedError", "Copied.")):
        page.evaluate("(name) => { window.refusal = name; }", refusal)
        share.click()
        expect(card.get_by_role("status")).to_have_text(says)
    assert page.evaluate("navigator.clipboard.readText()") == page.evaluate("shared.url")


def test_what_came_of_a_copy_is_seen_where_the_person_looks(visit):
    page = visit(**PHONE, **CLIPBOARD)
    card = make(page, "a pier whose link is copied")
    card.get_by_role("button", name="Copy link").click()
    expect(card.get_by_role("status")).to_be_in_viewport(ratio=1)
    card.get_by_text("More", exact=True).click()
    page.evaluate("scrollTo(0, 0)")
    copy = card.get_by_role("button", name="Copy Markdown")
    copy.evaluate("(it) => scrollBy(0, it.getBoundingClientRect().top - innerHeight + 120)")
    copied(page, card, "Markdown")
    expect(card.get_by_role("status")).to_be_in_viewport(ratio=1)
    assert violations(page) == []


def test_a_download_has_a_good_name(page):
    card = make(page, "../../a \u202eRed*Balloon? über:Köln")
    with page.expect_download() as download:
        card.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"a-Red-Balloon-über-Köln-{seed_of(card)}.png"
    assert Image.open(io.BytesIO(download.value.path().read_bytes())).size == (768, 768)


def test_a_new_seed_makes_another_picture_of_the_same_recipe(page):
    card = make(page, "a mill with another seed")
    prompt_field(page).fill("something else meanwhile")
    card.get_by_role("button", name="New seed").click()
    expect(pictures(page)).to_have_count(2)
    expect(pictures(page).first).to_contain_text("a mill with another seed")
    seeds = {seed_of(it) for it in pictures(page).all()}
    assert len(seeds) == 2
    assert max(seeds) < 1_000_000


def test_a_picture_is_varied_by_a_model_that_edits(page):
    card = make(page, "a pond to vary")
    card.get_by_role("button", name="Vary").click()
    expect(page.locator("#source-picture")).to_be_visible()
    make_button(page).click()
    expect(pictures(page)).to_have_count(2)
    varied = pictures(page).first
    varied.get_by_text("Recipe", exact=True).click()
    expect(varied).to_contain_text("Began with a picture")
    expect(varied).to_contain_text("automatic1111")
    page.reload()
    again = pictures(page).first.get_by_role("button", name="New seed")
    expect(again).to_have_attribute("aria-disabled", "true")
    again.focus()
    page.keyboard.press("Enter")
    expect(pictures(page).first.get_by_role("status")).to_contain_text("began with another one")


def test_its_recipe_fills_the_form(page):
    card = make(page, "a fjord whose recipe is used")
    prompt_field(page).fill("something else")
    card.get_by_text("Recipe", exact=True).click()
    card.get_by_role("button", name="Use this recipe").click()
    expect(prompt_field(page)).to_have_value("a fjord whose recipe is used")
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value(str(seed_of(card)))


def test_the_recipe_of_a_style_has_the_prompt_without_the_style_s_words(page):
    page.get_by_role("combobox", name="Style").select_option("anime")
    card = make(page, "a heron in a style")
    expect(card).to_contain_text("a heron in a style")
    prompt_field(page).fill("something else")
    card.get_by_text("Recipe", exact=True).click()
    expect(card.get_by_role("definition").nth(1)).to_contain_text("anime illustration of a heron")
    card.get_by_role("button", name="Use this recipe").click()
    expect(prompt_field(page)).to_have_value("a heron in a style")
    expect(page.get_by_role("combobox", name="Style")).to_have_value("anime")


def test_two_pictures_are_compared_by_keyboard(page):
    for number in range(2):
        make(page, f"a village to compare {number}")
    for card in pictures(page).all():
        card.get_by_role("button", name="Compare").focus()
        page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Side by side")
    first, second = dialog.get_by_role("img").all()
    for picture in (first, second):
        shown(picture.locator(".."))
    assert first.bounding_box()["width"] == pytest.approx(second.bounding_box()["width"], abs=1)
    marked = dialog.locator("tr", has=page.locator("mark")).all_inner_texts()
    names = {row.split()[0] for row in marked}
    assert {"Prompt", "Seed"} <= names
    assert "Size" not in names
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(pictures(page).nth(1).get_by_role("button", name="Compare")).to_be_focused()
    expect(page.locator("[aria-pressed=true]", has_text="Compare")).to_have_count(0)


def test_a_picture_that_is_removed_is_not_compared(page):
    for number in range(3):
        make(page, f"a hamlet to remove {number}")
    pictures(page).first.get_by_role("button", name="Compare").click()
    pictures(page).first.get_by_text("More", exact=True).click()
    pictures(page).first.get_by_role("button", name="Remove", exact=True).click()
    expect(pictures(page)).to_have_count(2)
    pictures(page).first.get_by_role("button", name="Compare").click()
    expect(pictures(page).first.get_by_role("status")).to_have_text("Choose Compare at another picture.")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_arrow_keys_walk_from_seed_to_seed(page):
    card = make(page, "a garden to walk through")
    seed = seed_of(card)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/generate" in request.url else None)
    card.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(pictures(page)).to_have_count(2)
    expect(pictures(page).first).to_contain_text(f"Seed {seed + 5}")
    expect(pictures(page).first).to_be_focused()
    assert len(asked) == 1
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(pictures(page)).to_have_count(3)
    expect(pictures(page).first).to_contain_text(f"Seed {seed + 1}")
    expect(pictures(page).first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(pictures(page).nth(2)).to_be_focused()
    assert len(asked) == 2


def test_a_sheet_has_a_cell_for_each_seed_and_a_card_for_the_chosen_one(page):
    sheet, cells = sheet_of_four(page, "four windmills on a sheet")
    link = sheet.get_by_role("link", name="All as one picture")
    expect(link).to_be_visible()
    response = requests.get(link.get_attribute("href"), timeout=60)
    assert (response.status_code, response.headers["X-Cache"]) == (200, "HIT")
    cells.nth(0).focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    expect(cells.nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    chosen = sheet.get_by_role("article")
    expect(chosen).to_be_focused()
    expect(chosen.get_by_role("button", name="Download")).to_be_in_viewport()
    expect(chosen).to_contain_text("four windmills")
    expect(cells.nth(2)).to_have_attribute("aria-pressed", "true")
    seed = seed_of(chosen)
    chosen.focus()
    page.keyboard.press("ArrowRight")
    expect(chosen).to_contain_text(f"Seed {seed + 1}")
    expect(chosen).to_be_focused()
    page.reload()
    expect(pictures(page).first.get_by_role("button", name=re.compile("^Seed "))).to_have_count(4)


def test_two_pictures_of_one_sheet_are_compared(page):
    sheet, cells = sheet_of_four(page, "four barns of one sheet")
    for index in (0, 3):
        cells.nth(index).click()
        sheet.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Side by side")
    seeds = dialog.get_by_role("row", name=re.compile("^Seed")).get_by_role("cell").all_inner_texts()
    assert int(seeds[1]) - int(seeds[0]) == 3
    assert violations(page) == []
    dialog.get_by_role("button", name="Close").click()
    expect(sheet.get_by_role("button", name="Compare")).to_be_focused()
    assert violations(page) == []


def test_a_canceled_sheet_keeps_no_empty_cells(page, stack):
    stack.play(delay=2)
    prompt_field(page).fill("nine barns of which few come")
    page.get_by_role("radio", name="A sheet of nine").check(force=True)
    make_button(page).click()
    sheet = pictures(page).first
    expect(sheet.locator("button.cell").first).to_be_visible()
    page.get_by_role("button", name="Cancel").first.click()
    expect(sheet.locator("div.cell")).to_have_count(0)
    assert sheet.locator("button.cell").count() in range(1, 9)
