"""/p/<name>: a picture's page. It spends nothing, whatever the storage, and unfurls well."""

import io
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from image_api.generation import picture_records
from image_api.generation.cache import Kind
from image_api.services import services_of
from image_api.styles import STYLES, without_style
from tests.api.conftest import NAME, RESULT
from tests.api.pictures import JPEG, PNG
from tests.api.test_preview_bots import SLACK, Tags

PAGE = f"/p/{NAME}"
OTHER = "b" * 64
JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
DELETED = {"success": False, "error": "Deleted.", "code": "picture_deleted"}


@pytest.fixture
def known(client, worker):
    """Return a client of a service that has made a picture; the worker has its file."""
    assert client.get("/generate?prompt=a+tree&seed=7").status_code == 200
    worker.requests.clear()
    return client


def asked(worker) -> list[tuple[str, str]]:
    return [request[:2] for request in worker.requests]


def test_it_works(known, worker):
    answer = known.get(PAGE, headers=BROWSER)
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, "text/html", "no-store")
    assert f'<img id="picture" src="../images/{NAME}" alt="a tree"' in answer.text
    assert f'width="{RESULT["width"]}" height="{RESULT["height"]}"' in answer.text
    assert worker.asked_to_make() == []


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, BROWSER, SLACK, {**SLACK, "Accept": "*/*"}], ids=str)
def test_it_unfurls_for_any_client(known, worker, headers):
    meta = Tags(known.get(PAGE, headers=headers).text).meta
    assert meta["og:title"] == meta["twitter:title"] == "a tree"
    assert meta["og:image"] == meta["twitter:image"] == f"http://localhost/images/{NAME}"
    assert meta["og:url"] == f"http://localhost{PAGE}"
    assert (meta["og:image:type"], meta["og:image:alt"]) == ("image/png", "a tree")
    assert (meta["og:image:width"], meta["og:image:height"]) == (str(RESULT["width"]), str(RESULT["height"]))
    assert (meta["twitter:card"], meta["robots"]) == ("summary_large_image", "noindex")
    assert "perchance" in meta["og:description"]
    assert worker.asked_to_make() == []


def test_json_is_its_result(known):
    answer = known.get(PAGE, headers=JSON)
    assert (answer.mimetype, answer.headers["Vary"]) == ("application/json", "Accept")
    found = answer.json
    assert found["image_url"] == f"http://localhost/images/{NAME}"
    assert found["page_url"] == f"http://localhost{PAGE}"
    same = ("prompt", "seed", "width", "height", "content_type", "bytes", "sha256", "engine", "created_at")
    assert {name: found[name] for name in same} == {name: RESULT[name] for name in same}
    assert not {"request_id", "storage", "storage_error"} & set(found)


def test_a_public_address_is_in_the_tags_and_the_picture_stays_relative(client_with):
    client = client_with(public_base_url="https://pictures.example/a")
    client.get("/generate?prompt=a+tree")
    answer = client.get(PAGE, headers=BROWSER)
    meta = Tags(answer.text).meta
    assert meta["og:image"] == meta["og:image:secure_url"] == f"https://pictures.example/a/images/{NAME}"
    assert f'src="../images/{NAME}"' in answer.text  # which holds whatever the prefix


def test_markup_in_a_recipe_is_text(client, worker):
    prompt = '"><script>alert(1)</script>\n{{ 7 * 7 }} </title>'
    hostile = {"prompt": prompt, "engine_model": "<b>", "note": "<i>", "alt": "</title><script>"}
    worker.say(200, {**RESULT, **hostile})
    client.get("/generate", query_string={"prompt": prompt, "negative_prompt": "<u>"})
    answer = client.get(PAGE, headers=BROWSER)
    tags = Tags(answer.text)
    assert tags.meta["og:title"] == " ".join(prompt.split())
    assert not {"b", "i", "u"} & tags.elements
    assert "<script>alert" not in answer.text
    assert "{{ 7 * 7 }}" in answer.text


def link_to_form(page: str) -> dict[str, list[str]]:
    href = page.split('<a class="button primary" href="')[1].split('"')[0].replace("&amp;", "&")
    assert href.startswith("../?")
    return parse_qs(urlsplit(href).query, strict_parsing=True)


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("prompt=a+tree&seed=7", {"prompt": "a tree", "seed": "7", "shape": "square"}),
        ("prompt=50%25+%26+%2B", {"prompt": "50% & +", "seed": "7", "shape": "square"}),
        (
            "prompt=a&negative_prompt=b&guidance_scale=3.5&shape=portrait&model=sketch",
            {
                "prompt": "a",
                "negative_prompt": "b",
                "guidance_scale": "3.5",
                "shape": "portrait",
                "model": "sketch",
                "seed": "7",
            },
        ),
        ("prompt=a&size=640x384", {"prompt": "a", "width": "640", "height": "384", "seed": "7"}),
        ("prompt=a&aspect_ratio=16:9", {"prompt": "a", "aspect_ratio": "16:9", "seed": "7"}),
        ("prompt=a&aspect_ratio=2:1&width=512", {"prompt": "a", "width": "512", "height": "256", "seed": "7"}),
        ("prompt=a&style=anime", {"prompt": "a", "style": "anime", "seed": "7", "shape": "square"}),
    ],
)
def test_make_one_like_this_fills_the_form(client, query, form):
    assert client.get(f"/generate?{query}").status_code == 200
    found = link_to_form(client.get(PAGE, headers=BROWSER).text)
    assert found == {name: [text] for name, text in form.items()}


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
@pytest.mark.parametrize("negative", [None, "people"])
def test_a_style_is_told_from_its_words(style, negative):
    prompts = style.applied_to("a tree"), style.added_to(negative)
    assert without_style(*prompts) == (style.name, "a tree", negative)
    assert without_style("a tree", negative) == (None, "a tree", negative)
    if style.negative_prompt:
        assert without_style(prompts[0], "other") == (None, prompts[0], "other")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate?prompt=a+tree&n=1", None),
        ("/generate?prompt=a+tree&format=redirect", None),
        ("/sheet?prompt=a+tree&seeds=4", None),
        ("/generate", {"prompt": "a tree"}),
        ("/v1/images/generate", {"prompt": "a tree", "style": "anime"}),
        ("/v1/images/generations", {"prompt": "a tree"}),
    ],
)
def test_a_picture_of_every_family_has_a_page(client, path, body):
    answer = client.post(path, json=body) if body else client.get(path)
    assert answer.status_code < 400
    assert "a tree" in client.get(PAGE, headers=BROWSER).text


def test_so_has_one_of_an_event_stream(client):
    with client.get("/generate?prompt=a+tree", headers={"Accept": "text/event-stream"}) as stream:
        assert "event: result" in stream.text
    assert client.get(PAGE, headers=BROWSER).status_code == 200


def test_an_image_that_was_sent_is_named_and_not_shown(client, worker):
    form = {"prompt": "a tree", "image": (io.BytesIO(PNG), "secret-name.png")}
    assert client.post("/generate", data=form, content_type="multipart/form-data").status_code == 200
    digest = worker.asked_to_make()[0]["image"]
    answer = client.get(PAGE, headers=BROWSER)
    assert "was sent along" in answer.text
    found = client.get(PAGE, headers=JSON).json
    assert found["begins_with_image"] is True
    for page in (answer.text, str(found)):
        assert digest not in page
        assert "secret-name" not in page


class TestUnknown:
    @pytest.mark.parametrize("name", [f"{OTHER}.png", OTHER, OTHER[:30], f"{OTHER}.gif", f"{'B' * 64}.png"])
    def test_it_is_a_page_for_people_and_json_for_programs(self, client, worker, name):
        worker.say(404, {"success": False, "error": "No.", "code": "not_found"})
        answer = client.get(f"/p/{name}", headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert client.get(f"/p/{name}", headers=JSON).json["code"] == "not_found"
        assert "There is no picture at this address" in answer.text

    @pytest.mark.parametrize("name", [OTHER, "x", "x.png", "generate", "..%2fhealth"])
    def test_an_invalid_name_costs_no_request(self, client, worker, name):
        assert client.get(f"/p/{name}", headers=BROWSER).status_code == 404
        assert worker.requests == []


class TestDeleted:
    def test_it_is_gone_and_forgotten(self, known, worker):
        worker.say_to("/images/", 410, DELETED)
        assert known.get(PAGE, headers=BROWSER).status_code == 410
        assert services_of(known.application).generation.records.get(NAME) is None

    def test_its_own_address_has_it_forgotten_too(self, known, worker):
        worker.say_to("/images/", 410, DELETED)
        known.get(f"/images/{NAME}")
        assert services_of(known.application).generation.records.get(NAME) is None


def test_a_lost_file_of_a_known_picture_does_not_unfurl(known, worker):
    worker.say_to("/images/", 404, b"{}")
    assert "og:image" not in Tags(known.get(PAGE, headers=SLACK).text).meta
    assert worker.asked_to_make() == []


def test_a_worker_that_hangs_delays_it_little(known, worker):
    release = threading.Event()
    worker.say_to("/images/", 200, PNG, before=lambda: release.wait(20))
    begun = time.monotonic()
    answer = known.get(PAGE, headers=SLACK)
    release.set()
    assert (answer.status_code, Tags(answer.text).meta["og:title"]) == (200, "a tree")
    assert time.monotonic() - begun < 5


def test_a_name_is_made_of_the_type_that_is_stored(client, worker):
    worker.say(200, {**RESULT, "content_type": "image/jpeg", "sha256": OTHER})
    worker.say_to("/images/", 200, JPEG)
    client.get("/generate?prompt=a")
    assert client.get(f"/p/{OTHER}.jpg", headers=BROWSER).status_code == 200


@pytest.mark.parametrize("sha256", ["", "x", "../../etc", "A" * 64, "a" * 65])
def test_a_digest_that_is_none_is_no_name(client, worker, sha256):
    worker.say(200, {**RESULT, "sha256": sha256})
    assert client.get("/generate?prompt=a").status_code == 200
    assert services_of(client.application).generation.records.get(f"{sha256}.png") is None


def test_a_flood_of_pictures_keeps_to_its_room(client_with, worker, monkeypatch):
    monkeypatch.setattr(picture_records, "RECORDS", Kind("img_page:{}", 20_000))
    client = client_with()
    client.get("/generate?prompt=first&seed=7")
    for number in range(60):
        worker.say(200, {**RESULT, "sha256": f"{number:064x}"})
        client.get(f"/generate?prompt={number}")
    records = services_of(client.application).generation.records
    assert records.get(f"{0:064x}.png") is None
    assert records.get(f"{59:064x}.png") is not None
    assert client.get("/generate?prompt=first&seed=7").headers["X-Cache"] == "HIT"


def test_an_image_s_own_address_stays_what_it_is(known, worker):
    worker.say_to("/images/", 200, PNG)
    answer = known.get(f"/images/{NAME}", headers={**BROWSER, "Sec-Fetch-Dest": "document"})
    assert (answer.status_code, answer.data) == (200, PNG)
