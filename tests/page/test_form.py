"""The form: what is sent is what it shows, at the keyboard as with a pointer, and nothing typed is lost."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.asked import Asked
from tests.page.axe import violations
from tests.page.conftest import PHONE
from tests.page.looks import FORBIDDEN_STORAGE
from tests.page.person import make, make_button, pictures, prompt_field

SHORT_SCREEN = 664  # what a phone of 844 leaves beside its browser's bars
CONTROLS = "#options :is(input, select, textarea, button, summary):not([type=file])"


def seed_field(page):
    return page.get_by_label("Seed", exact=True)


def open_more(page):
    page.evaluate("for (const id of ['more', 'snippets', 'key-field']) document.getElementById(id).open = true")


def own_size(page, width, height):
    page.get_by_role("radio", name="Own size").check()
    page.get_by_label("Width").fill(str(width))
    page.get_by_label("Height").fill(str(height))


def test_a_size_of_ones_own_begins_with_the_shape_s(page):
    for shape, sides in (("Square", ("768", "768")), ("Portrait", ("624", "944"))):
        page.get_by_role("radio", name=shape).check()
        page.get_by_role("radio", name="Own size").check()
        assert (page.get_by_label("Width").input_value(), page.get_by_label("Height").input_value()) == sides
        page.get_by_label("Width").fill("")
        page.get_by_label("Height").fill("")


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_enter_with_control_submits_in_every_field_and_keeps_the_focus(page, keys):
    prompt_field(page).fill(f"{keys} everywhere")
    open_more(page)
    own_size(page, 512, 512)
    controls = [control for control in page.locator(CONTROLS).all() if control.is_visible()]
    assert len(controls) > 20
    page.keyboard.press(keys)
    for control in controls:
        before = seed_field(page).input_value()
        control.focus()
        page.keyboard.press(keys)
        name = control.evaluate("(it) => it.outerHTML")
        assert seed_field(page).input_value() != before, name  # each picture gets a new one
        assert control.evaluate("(it) => it === document.activeElement"), name


def test_a_held_key_submits_once(page):
    prompt_field(page).fill("held")
    page.keyboard.press("Control+Enter")
    page.keyboard.down("Control")
    seeds = []
    for _ in range(3):
        page.keyboard.down("Enter")
        seeds.append(seed_field(page).input_value())
    assert len(set(seeds)) == 1


def test_the_seed_shown_is_the_seed_used_and_the_next_picture_gets_another(page):
    asked = Asked(page)
    first = seed_field(page).input_value()
    assert first.isdigit()
    make(page, "a seed that is shown")
    assert seed_field(page).input_value() == first
    make_button(page).click()
    expect(pictures(page)).to_have_count(2)
    assert [query["seed"] for query in asked.queries] == [first, seed_field(page).input_value()]
    assert seed_field(page).input_value() != first


def test_a_locked_seed_stays_until_the_dice_also_over_a_reload(page):
    seed_field(page).fill("4242")
    page.get_by_role("button", name="Keep this seed").click()
    make(page, "a locked seed")
    page.reload()
    expect(page.get_by_role("button", name="Keep this seed")).to_have_attribute("aria-pressed", "true")
    asked = Asked(page)
    make_button(page).click()
    expect(seed_field(page)).to_have_value("4242")
    page.get_by_role("button", name="New random seed").click()
    expect(seed_field(page)).not_to_have_value("4242")
    assert [query["seed"] for query in asked.queries] == ["4242"]


def test_an_emptied_seed_is_drawn_and_shown(page):
    asked = Asked(page)
    seed_field(page).fill("")
    make(page, "no seed at all")
    assert asked.queries[0]["seed"] == seed_field(page).input_value() != ""


def test_what_is_in_the_form_is_sent(page):
    asked = Asked(page)
    open_more(page)
    prompt_field(page).fill("  everything\nat once  ")
    page.get_by_label("Negative prompt").fill("blurry")
    page.get_by_label("Guidance").fill("9.5")
    seed_field(page).fill("77")
    page.get_by_role("radio", name="16:9").check()
    page.get_by_label("Style").select_option("cinematic")
    page.get_by_label("Model").select_option("horde")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    assert asked.queries == [
        {
            "prompt": "everything\nat once",
            "negative_prompt": "blurry",
            "guidance_scale": "9.5",
            "seed": "77",
            "aspect_ratio": "16:9",
            "style": "cinematic",
            "model": "horde",
        }
    ]


@pytest.mark.parametrize(
    ("name", "options"), [("Portrait", {"shape": "portrait"}), ("Landscape", {"shape": "landscape"}), ("Square", {})]
)
def test_a_frame_is_a_shape(page, name, options):
    asked = Asked(page)
    prompt_field(page).fill(f"a frame {name}")
    page.get_by_role("radio", name=name).check()
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    sent = asked.queries[0]
    assert {key: sent[key] for key in ("shape", "aspect_ratio", "width") if key in sent} == options


def test_a_sheet_of_four_has_four_seeds(page):
    asked = Asked(page)
    prompt_field(page).fill("four at once")
    page.get_by_role("radio", name="A sheet of four").check()
    page.get_by_role("button", name="Make 4 pictures").click()
    expect(page.locator("#pictures img").first).to_be_visible()
    assert asked.queries[0]["n"] == "4"


REFUSED = [
    ("Prompt", "", "Say what the picture shows."),
    ("Prompt", " \n ", "Say what the picture shows."),
    ("Prompt", "x" * 2001, "2001 characters, and 2000 are the most"),
    ("Prompt", "\U0001f600" * 2001, "2001 characters, and 2000 are the most"),
    ("Prompt", "a\x07b", "invisible control character"),
    ("Negative prompt", "y" * 2001, "2001 characters"),
    ("Seed", "-1", "whole number from 0 to 2147483647"),
    ("Seed", "2147483648", "whole number from 0 to 2147483647"),
    ("Seed", "1.5", "whole number from 0 to 2147483647"),
    ("Guidance", "20.1", "from 0 to 20"),
    ("Guidance", "-0.1", "from 0 to 20"),
    ("Width", "100", "multiple of 8 from 64 to 4096"),
    ("Width", "56", "multiple of 8 from 64 to 4096"),
    ("Height", "4104", "multiple of 8 from 64 to 4096"),
    ("Height", "", "multiple of 8 from 64 to 4096"),
]


@pytest.mark.parametrize(("label", "value", "sentence"), REFUSED)
def test_what_the_service_would_refuse_is_told_at_the_field(page, label, value, sentence):
    asked = Asked(page)
    prompt_field(page).fill("a boat")
    if label in ("Width", "Height"):
        own_size(page, 512, 512)
    else:
        open_more(page)
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    make_button(page).click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(sentence))
    expect(field).to_be_focused()
    assert field.input_value() == value
    field.fill("640" if label not in ("Guidance", "Seed") else "5")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    assert asked.requests == []


def test_a_folded_field_with_a_problem_is_opened(visit):
    phone = visit(**PHONE)
    prompt_field(phone).fill("a boat")
    phone.get_by_text("More options").tap()
    phone.get_by_label("Guidance").fill("21")
    phone.get_by_text("More options").tap()
    expect(phone.get_by_label("Guidance")).to_be_hidden()
    make_button(phone).tap()
    expect(phone.get_by_label("Guidance")).to_be_focused()


def test_a_style_takes_room_from_the_prompt(page, stack):
    style = next(it for it in stack.get("/v1/styles").json()["styles"] if it["name"] == "cinematic")
    room = 2000 - len(style["prompt"].replace("{prompt}", ""))
    page.get_by_label("Style").select_option("cinematic")
    prompt_field(page).fill("x" * (room + 1))
    make_button(page).click()
    expect(prompt_field(page)).to_have_accessible_description(re.compile(f"with the style cinematic {room} are"))
    assert stack.get(prompt="x" * (room + 1), style="cinematic").status_code == 400  # as the service has it


def test_nine_seeds_need_room(page):
    prompt_field(page).fill("a boat")
    seed_field(page).fill("2147483640")
    page.get_by_role("radio", name="A sheet of nine").check()
    make_button(page).click()
    expect(seed_field(page)).to_have_accessible_description(re.compile("2147483639 at most"))


def test_a_script_is_text(visit):
    page = visit("/?prompt=%3Cscript%3Ealert(1)%3C/script%3E&model=%3Cb%3E&style=%3Ci%3E&aspect_ratio=%3Cs%3E")
    expect(prompt_field(page)).to_have_value("<script>alert(1)</script>")


def test_the_form_is_right_for_a_phone(visit):
    phone = visit(**PHONE)
    for target in (prompt_field(phone), make_button(phone), seed_field(phone)):
        box = target.bounding_box()
        assert box["y"] + box["height"] <= SHORT_SCREEN
    open_more(phone)
    small = [
        control.evaluate("(it) => it.outerHTML")
        for control in phone.locator(CONTROLS).all()
        if control.is_visible() and min(control.bounding_box()["height"], control.bounding_box()["width"]) < 43.5
    ]
    assert small == []


def test_more_stays_as_it_was_left(page):
    more = page.locator("#more")
    expect(more).to_have_attribute("open", "")
    page.get_by_text("More options").click()
    page.reload()
    expect(more).not_to_have_attribute("open", "")
    expect(seed_field(page)).to_be_visible()


def test_a_reader_finds_no_fault(visit, look):
    page = visit("/?prompt=a+boat&model=horde", **look)
    expect(page.locator("#image-reason")).not_to_be_empty()
    open_more(page)
    own_size(page, 100, 512)
    page.get_by_label("Guidance").fill("99")
    make_button(page).click()
    expect(page.get_by_label("Guidance")).to_have_attribute("aria-invalid", "true")
    assert [line for line in violations(page) if "'.cards'" not in line] == []


def test_storage_that_is_forbidden_breaks_nothing(new_context):
    context = new_context()
    context.add_init_script(FORBIDDEN_STORAGE)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Keep this seed").click()
    page.get_by_text("More options").click()
    prompt_field(page).fill("without any storage")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
