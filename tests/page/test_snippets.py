"""The form as code: run as it stands, each asks for exactly what is in the form."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import requests
from PIL import Image
from playwright.sync_api import expect

from tests.page.person import prompt_field

HOSTILE = 'it\'s "5" $HOME `id` \\ ! <b>&amp;</b> </script> {a}[1-9] %41 é🚤\nnew line\t;#'


def snippet(page, name):
    details = page.locator("#snippets")
    if details.get_attribute("open") is None:
        page.get_by_text("The same as code").click()
    return page.get_by_role("region", name=name, exact=True)


@pytest.fixture
def filled(page):
    prompt_field(page).fill(HOSTILE)
    page.get_by_label("Negative prompt").fill("'; rm -rf $(pwd) \"")
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_label("Model").select_option("sketch")
    page.get_by_role("radio", name="Portrait").check()
    return page


def is_that(content):
    texts = Image.open(io.BytesIO(content)).text
    assert texts["prompt"] == HOSTILE
    assert texts["negative_prompt"] == "'; rm -rf $(pwd) \""
    assert (texts["seed"], texts["shape"], texts["engine"]) == ("7", "portrait", "sketch")


def test_curl_gets_the_picture(filled, tmp_path):
    command = snippet(filled, "curl").inner_text()
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, capture_output=True, timeout=60)
    is_that((tmp_path / "picture.png").read_bytes())


def test_python_prints_the_picture_s_address(filled):
    code = snippet(filled, "Python").inner_text()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    is_that(requests.get(done.stdout.strip(), timeout=30).content)


def test_javascript_prints_the_picture_s_address(filled):
    code = snippet(filled, "JavaScript").inner_text()
    assert "</script" not in code
    with filled.expect_console_message() as printed:
        filled.evaluate(f"async () => {{ {code} }}")
    is_that(requests.get(printed.value.text, timeout=30).content)


def test_an_img_shows_the_picture(filled):
    markup = snippet(filled, "<img>").inner_text()
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(markup)
    [(tag, attributes)] = found
    assert (tag, sorted(attributes), attributes["alt"]) == ("img", ["alt", "src"], HOSTILE)
    is_that(requests.get(attributes["src"], timeout=30).content)


def test_curl_sends_a_source_picture(filled, tmp_path):
    prompt = HOSTILE.replace("#", "")  # which its engine does not take
    prompt_field(filled).fill(prompt)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    name = "my 'best'; \"photo\".png"
    (tmp_path / name).write_bytes(file.getvalue())
    filled.get_by_label("Model").select_option("automatic1111")
    filled.locator("#source-file").set_input_files({"name": name, "mimeType": "image/png", "buffer": file.getvalue()})
    expect(snippet(filled, "curl")).to_contain_text("image=@")
    command = snippet(filled, "curl").inner_text()
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, capture_output=True, timeout=60)
    assert Image.open(io.BytesIO((tmp_path / "picture.png").read_bytes())).text["prompt"] == prompt


def test_a_sheet_is_a_sheet(filled, tmp_path):
    filled.get_by_role("radio", name="A sheet of four").check()
    expect(snippet(filled, "curl")).to_contain_text("/sheet.png?")
    command = snippet(filled, "curl").inner_text()
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, capture_output=True, timeout=60)
    assert Image.open(io.BytesIO((tmp_path / "picture.png").read_bytes())).width > 768
    code = snippet(filled, "Python").inner_text()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert len(re.findall("http://", done.stdout)) == 4


def test_a_snippet_is_copied(new_context):
    page = new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto("/?prompt=copied&seed=3")
    code = snippet(page, "curl").inner_text()
    page.get_by_role("button", name="Copy curl").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == code


def test_a_key_of_the_form_is_in_them_as_a_variable(page):
    expect(snippet(page, "curl")).not_to_contain_text("API_KEY")
    page.get_by_text("Key", exact=True).click()
    page.get_by_label("API key").fill("secret-key")
    page.get_by_label("API key").press("Tab")
    expect(snippet(page, "curl")).to_contain_text("$API_KEY")
    assert "secret-key" not in snippet(page, "curl").inner_text()


def test_a_key_stays_out_of_the_snippets(page):
    page.evaluate("() => sessionStorage.setItem('api-key', 'secret-key')")
    page.reload()
    for name, variable in (("curl", "$API_KEY"), ("Python", "os.environ['API_KEY']"), ("JavaScript", "${API_KEY}")):
        expect(snippet(page, name)).to_contain_text(variable)
        assert "secret-key" not in snippet(page, name).inner_text()
