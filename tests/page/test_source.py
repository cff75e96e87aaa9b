"""The source picture, and the recipe in a picture of ours: dropped, pasted or chosen."""

import base64
import io
import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from tests.page.asked import Asked
from tests.page.person import make_button, pictures, prompt_field

GIVE = """([kind, files]) => {
  const given = new DataTransfer();
  for (const { name, type, data } of files) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    given.items.add(new File([bytes], name, { type }));
  }
  const init = { bubbles: true, cancelable: true, clipboardData: given, dataTransfer: given };
  const events = kind === "paste" ? [new ClipboardEvent("paste", init)]
    : ["dragover", "drop"].map((name) => new DragEvent(name, init));
  for (const event of events) document.body.dispatchEvent(event);
}"""
RECIPE = {
    "prompt": 'it\'s a "boat" <b>é 舟</b>\nat sea',
    "negative_prompt": "blurry",
    "seed": 31337,
    "guidance_scale": 5.5,
    "aspect_ratio": "16:9",
    "model": "sketch",
}


def picture(format="PNG", size=(64, 48), **options):
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, format, **options)
    return file.getvalue()


def give(page, data, name="photo.png", mimetype="image/png", kind="drop"):
    page.evaluate(GIVE, [kind, [{"name": name, "type": mimetype, "data": base64.b64encode(data).decode()}]])


def choose(page, data, name="photo.png", mimetype="image/png"):
    page.locator("#source-file").set_input_files({"name": name, "mimeType": mimetype, "buffer": data})


def shown(page, name="photo.png"):
    return page.get_by_role("img", name=f"Source picture: {name}")


@pytest.mark.parametrize(("ending", "kind"), [("png", "drop"), ("png", "paste"), ("jpg", "drop"), ("webp", "drop")])
def test_a_picture_of_ours_fills_the_form_with_its_recipe(page, stack, ending, kind):
    file = stack.get(f"/generate.{ending}", **RECIPE).content
    prompt_field(page).fill("something else")
    page.get_by_label("Style").select_option("anime")
    page.get_by_role("radio", name="A sheet of nine").check()
    give(page, file, f"ours.{ending}", kind=kind)
    expect(page.get_by_text(f"The recipe of ours.{ending} fills the form.")).to_be_visible()
    expect(prompt_field(page)).to_have_value(RECIPE["prompt"])
    expect(page.get_by_label("Negative prompt")).to_have_value("blurry")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("31337")
    expect(page.get_by_label("Guidance")).to_have_value("5.5")
    expect(page.get_by_role("radio", name="16:9")).to_be_checked()
    expect(page.get_by_label("Model")).to_have_value("sketch")
    expect(page.get_by_label("Style")).to_have_value("")
    expect(page.get_by_role("radio", name="One picture")).to_be_checked()
    expect(shown(page, f"ours.{ending}")).to_have_count(0)
    page.get_by_role("button", name="Begin with the picture instead").click()
    expect(shown(page, f"ours.{ending}")).to_be_visible()


def test_a_picture_of_ours_that_is_chosen_is_the_source_and_offers_its_recipe(page, stack):
    choose(page, stack.get("/generate.png", **RECIPE).content, "ours.png")
    expect(shown(page, "ours.png")).to_be_visible()
    expect(prompt_field(page)).to_have_value("")
    page.get_by_role("button", name="Fill the form with its recipe").click()
    expect(prompt_field(page)).to_have_value(RECIPE["prompt"])
    expect(shown(page, "ours.png")).to_have_count(0)


def foreign_png(**texts):
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return picture(pnginfo=info)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (picture(), "plain.png"),
        (picture("JPEG"), "plain.jpg"),
        (picture("WEBP"), "plain.webp"),
        (foreign_png(parameters="a boat\nSteps: 20, Seed: 5"), "a1111.png"),
        (foreign_png(prompt='{"3": {"class_type": "KSampler"}}', workflow="{}"), "comfyui.png"),
    ],
)
@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_another_picture_becomes_the_source(page, data, name, kind):
    asked = Asked(page)
    prompt_field(page).fill(f"in winter: {name} {kind}")
    give(page, data, name, kind=kind)
    expect(shown(page, name)).to_be_visible()
    page.get_by_label("Strength").fill("0.5")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    [request] = asked.requests
    assert request.method == "POST"
    assert request.headers["content-type"].startswith("multipart/form-data")
    page.get_by_role("button", name="Remove").first.click()
    expect(shown(page, name)).to_have_count(0)


def test_a_source_gives_its_proportion_unless_another_is_chosen(page):
    page.get_by_role("radio", name="Landscape").check()
    choose(page, picture(size=(40, 120)))
    expect(page.get_by_role("radio", name="As source")).to_be_checked()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("radio", name="Landscape")).to_be_checked()
    expect(page.get_by_role("radio", name="As source")).to_have_count(0)


HUGE = b"\x89PNG\r\n\x1a\n" + bytes(16 * 1024 * 1024)


@pytest.mark.parametrize(
    ("data", "name", "mimetype", "sentence"),
    [
        (b"words", "notes.txt", "text/plain", "notes.txt is no PNG, JPEG or WebP picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml", "a.svg is no PNG"),
        (picture("GIF"), "<img src=x>.png", "image/png", "<img src=x>.png is no PNG"),
        (b"", "empty.png", "image/png", "empty.png is no PNG"),
        (picture()[:20], "cut.png", "image/png", "cut.png cannot be read"),
        (HUGE, "huge.png", "image/png", "huge.png has 16.0 MB"),
        (picture(size=(5000, 4000)), "wide.png", "image/png", "wide.png has 20.0 million pixels"),
    ],
)
def test_what_is_no_source_is_refused_kindly_and_the_one_before_stays(page, data, name, mimetype, sentence):
    choose(page, picture())
    expect(shown(page)).to_be_visible()
    choose(page, data, name, mimetype)
    expect(page.get_by_role("status").filter(has_text=sentence)).to_be_visible()
    expect(shown(page)).to_be_visible()


BROKEN = [
    b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffiTXt",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x04iTXtabcd0000",
    b"\xff\xd8\xff\xe1\xff\xffExif\0\0MM\0*\xff\xff\xff\xff",
    b"\xff\xd8\xff\xe1\x00\x00",
    b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xffII*\0\x08\0\0\0\xff\xff",
]


@pytest.mark.parametrize("data", BROKEN)
def test_a_broken_file_breaks_nothing(page, data):
    give(page, data, "broken.png")
    expect(page.get_by_role("status").filter(has_text="broken.png")).to_be_visible()
    expect(prompt_field(page)).to_have_value("")


def test_a_small_source_survives_a_reload_and_the_loss_of_a_large_one_is_told(page):
    choose(page, picture(), "small.png")
    expect(shown(page, "small.png")).to_be_visible()
    page.wait_for_function("() => sessionStorage.getItem('source-picture')?.includes('base64')")
    page.reload()
    expect(shown(page, "small.png")).to_be_visible()
    noise = Image.effect_noise((1500, 1500), 100)
    file = io.BytesIO()
    noise.save(file, "PNG")
    choose(page, file.getvalue(), "large.png")
    expect(shown(page, "large.png")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The source picture large.png did not survive the reload")).to_be_visible()
    page.goto("/?prompt=a+link")
    expect(shown(page, "small.png")).to_have_count(0)


def test_a_model_that_does_not_edit_gets_no_source_and_it_is_kept(page):
    asked = Asked(page)
    choose(page, picture())
    expect(shown(page)).to_be_visible()
    page.get_by_label("Model").select_option("horde")
    choose_button = page.get_by_role("button", name="Choose another")
    expect(choose_button).to_have_accessible_description(re.compile("horde does not begin with a picture"))
    prompt_field(page).fill("a source that is not sent")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    assert [request.method for request in asked.requests] == ["GET"]
    expect(shown(page)).to_be_visible()


def test_words_that_are_pasted_into_a_field_stay_words(page):
    prompt_field(page).focus()
    page.evaluate(
        """() => { const given = new DataTransfer(); given.setData("text/plain", "x");
             given.items.add(new File(["y"], "y.png", { type: "image/png" }));
             const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: given });
             document.activeElement.dispatchEvent(event); window.wasTaken = event.defaultPrevented; }"""
    )
    assert page.evaluate("() => window.wasTaken") is False
