"""GET and POST /generate through both tiers, a real Chromium and the stand-in site."""

import json
import subprocess
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import sync_playwright

from render_worker.browser.browser import find_system_browser


def test_it_works(stack):
    response = stack.get(prompt="sunset over mountains", shape="landscape")
    body = response.json()
    assert response.status_code == 200
    assert body["success"] is True
    assert body["image_url"].startswith(f"{stack.api.url}/images/")
    assert {name: body[name] for name in ("prompt", "shape", "guidance_scale", "engine", "model", "storage")} == {
        "prompt": "sunset over mountains",
        "shape": "landscape",
        "guidance_scale": 7.0,
        "engine": "perchance",
        "model": "auto",
        "storage": "local",
    }
    assert body["seed"] >= 0
    assert body["simulated"] is True
    assert "negative_prompt" not in body
    image = stack.picture(body["image_url"])
    assert image.size == (768, 512) == (body["width"], body["height"])
    assert image.text["prompt"] == "sunset over mountains"
    assert image.text["seed"] == str(body["seed"])
    assert image.text["engine"] == "perchance"


@pytest.mark.parametrize(("shape", "size"), [("portrait", (512, 768)), ("square", (768, 768))])
def test_every_shape_has_its_size(stack, shape, size):
    body = stack.get(prompt="a tree", shape=shape).json()
    assert stack.picture(body["image_url"]).size == size


@pytest.mark.parametrize(
    "prompt", ["พระอาทิตย์ตกเหนือภูเขา", "🌋 a volcano 👩‍👩‍👧", "غروب الشمس فوق الجبال", "quotes \" ' & = + % # \\"]
)
def test_a_prompt_of_any_script_arrives_unharmed(stack, prompt):
    body = stack.get(prompt=prompt, negative_prompt="ไม่มีคน").json()
    assert body["prompt"] == prompt
    assert stack.requests_to("generate")[-1]["body"]["prompt"] == prompt
    text = stack.picture(body["image_url"]).text
    assert (text["prompt"], text["negative_prompt"]) == (prompt, "ไม่มีคน")


def test_a_get_carries_two_thousand_emoji_twice(stack):
    prompt, negative = "🌲" * 2000, "🐱" * 2000
    body = stack.get(prompt=prompt, negative_prompt=negative).json()
    assert (body["prompt"], body["negative_prompt"]) == (prompt, negative)


def test_post_takes_the_same_fields_as_json(stack):
    fields = {"prompt": "a tree", "seed": 5, "guidance_scale": 9, "shape": "portrait", "negative_prompt": "people"}
    body = requests.post(f"{stack.api.url}/generate", json=fields, timeout=30).json()
    assert {name: body[name] for name in fields} == fields
    sent = stack.requests_to("generate")[-1]["body"]
    assert (sent["seed"], sent["guidanceScale"], sent["resolution"], sent["negativePrompt"]) == (
        5,
        9,
        "512x768",
        "people",
    )


def test_guidance_below_one_is_sent_as_one_and_echoed_so(stack):
    assert stack.get(prompt="a tree", guidance_scale="0.2").json()["guidance_scale"] == 1.0
    assert stack.requests_to("generate")[-1]["body"]["guidanceScale"] == 1


def test_an_image_tag_is_redirected_to_the_picture(stack):
    response = stack.get(prompt="a tree", headers={"Accept": "image/png"})
    assert response.status_code == 302
    assert "Accept" in response.headers["Vary"]
    assert stack.picture(response.headers["Location"]).size == (768, 768)


def test_a_browser_shows_the_picture_of_an_image_tag(stack):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_system_browser())
        page = browser.new_page()
        page.set_content(f'<img src="{stack.api.url}/generate?prompt={quote("a red boat")}&shape=landscape">')
        page.wait_for_function("document.images[0].complete")
        size = page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
        browser.close()
    assert size == [768, 512]


def test_a_browser_s_address_bar_gets_json_if_it_asks_for_that(stack):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_system_browser())
        page = browser.new_page()
        response = page.goto(f"{stack.api.url}/generate?prompt=a tree&format=json")
        assert response is not None
        body = json.loads(response.text())
        browser.close()
    assert body["success"] is True


def test_head_costs_no_generation(stack):
    response = requests.head(f"{stack.api.url}/generate?prompt=a%20tree", timeout=5)
    assert (response.status_code, response.text) == (200, "")
    assert stack.requests_to("generate") == []


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"])
def test_a_prefetch_costs_no_generation(stack, purpose):
    response = stack.get(prompt="a tree", headers={"Sec-Purpose": purpose})
    assert response.status_code == 503
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["code"] == "speculative_request"
    assert stack.requests_to("generate") == []


def test_sketch_makes_the_same_bytes_for_the_same_request_and_says_that_it_is_no_ai(stack):
    first = stack.get(prompt="a lighthouse", seed=7, model="sketch").json()
    again = stack.get(prompt="a lighthouse", seed=7, model="sketch").json()
    other = stack.get(prompt="a lighthouse", seed=8, model="sketch").json()
    assert first["sha256"] == again["sha256"] != other["sha256"]
    assert first["engine"] == "sketch"
    assert "no AI" in first["note"]
    assert "no AI" in stack.picture(first["image_url"]).text["note"]
    assert stack.requests_to("generate") == []


def test_an_unknown_model_is_refused_with_the_known_names(stack):
    response = stack.get(prompt="a tree", model="dall-e")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert "auto, perchance, sketch" in response.json()["error"]


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_perchance_s_inline_settings_are_refused_by_name(stack, name):
    response = stack.get(**{"prompt": "a tree", name: "a tree (resolution:::512x512)"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert response.json()["error"].startswith(name)


def test_the_front_page_s_example_runs_as_it_stands(stack):
    example = stack.get("/").json()["examples"]["picture"]
    done = subprocess.run(["sh", "-c", example], capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout)["success"] is True


def test_a_request_line_without_end_is_refused_and_the_service_lives(stack):
    response = stack.get(prompt="a" * 80_000)
    assert 400 <= response.status_code < 500
    assert stack.get("/health").status_code == 200


def test_forwarded_headers_of_an_undeclared_proxy_are_ignored(stack):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "proto=https"}
    body = stack.get(prompt="a tree", model="sketch", headers=forwarded).json()
    assert body["image_url"].startswith(f"{stack.api.url}/images/")
