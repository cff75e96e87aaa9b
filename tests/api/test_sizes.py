"""Sizes and proportions as clients ask for them: one verdict by every way, one cache entry, the truth in answers."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from image_api.generation.options import GenerationOptions
from image_api.generation.results import recipe_key
from image_api.services import services_of
from image_api.web.schemas.openai import parameter_named
from render_worker.contract import ErrorBody, GenerateRequest, InvalidField, Recipe
from tests.api.conftest import NAME, RESULT
from tests.fakes.processes import wait_until

SIZE_FIELDS = ("width", "height", "aspect_ratio", "as_size", "size_optional")
SQUARE = {"shape": "square"}
SIDES = {"width": 1024, "height": 1024, "shape": "square"}
LIKE = "like 1024x1024, or left out."

READ = [
    ({"size": "1024x1024"}, {**SIDES, "as_size": True}),
    ({"size": " 1024X1024 "}, {**SIDES, "as_size": True}),
    ({"size": "auto"}, SQUARE),
    ({"size": "AUTO", "shape": "portrait"}, {"shape": "portrait"}),
    ({"size": ""}, SQUARE),
    ({"size": "4096x64"}, {"width": 4096, "height": 64, "shape": "landscape", "as_size": True}),
    ({"width": "1024", "height": "1024"}, SIDES),
    ({"width": "1.024e3", "height": " 1024.0 "}, SIDES),
    ({"width": "1024", "height": "1024", "aspect_ratio": "2:2", "shape": "Square"}, {**SIDES, "aspect_ratio": "2:2"}),
    ({"width": "1024", "aspect_ratio": "16:9"}, {"width": 1024, "aspect_ratio": "16:9", "shape": "landscape"}),
    ({"height": "1024", "aspect_ratio": "9:16"}, {"height": 1024, "aspect_ratio": "9:16", "shape": "portrait"}),
    ({"width": "64", "height": "256", "aspect_ratio": "1:3.9"}, {"width": 64, "height": 256, "aspect_ratio": "1:3.9"}),
    ({"aspect_ratio": "1.91:1"}, {"aspect_ratio": "1.91:1", "shape": "landscape"}),
    ({"aspect_ratio": " 4:1 "}, {"aspect_ratio": "4:1", "shape": "landscape"}),
    ({"aspect_ratio": "1080:1920"}, {"aspect_ratio": "1080:1920", "shape": "portrait"}),
    ({"aspect_ratio": ""}, SQUARE),
    ({"aspect_ratio": "auto"}, SQUARE),
    ({"aspect_ratio": " Auto ", "size": "AUTO"}, SQUARE),
    ({"aspect_ratio": "auto", "shape": "portrait"}, {"shape": "portrait"}),
    ({"aspect_ratio": "auto", "width": "1024", "height": "1024"}, SIDES),
]

REFUSED = [
    *[({"size": size}, f"size must be auto, a width and a height, multiples of 8 from 64 to 4,096, {LIKE}")
      for size in ("63x64", "65x64", "4097x64", "4100x4100", "0x0", "-8x64", "1024", "1024x", "1024 x 1024",
                   "1024×1024", "١٠٢٤x١٠٢٤", "99999x64", "1024x1024x1024", "1024:1024", "large")],
    *[({"width": width, "height": "64"}, "width must be a multiple of 8 from 64 to 4,096, or left out.")
      for width in ("63", "65", "4097", "4104", "0", "-64", "1024.5", "9" * 5000, "1e999", "nan", "١٠٢٤", "wide")],
    *[({"aspect_ratio": ratio}, "aspect_ratio must be auto, a ratio from 1:4 to 4:1, like 16:9, or left out.")
      for ratio in ("0:1", "1:0", "0:0", "5:1", "1:5", "4.001:1", "16:9:1", "16x9", "16/9", "1.7778", "16 : 9", "-1:-1",
                    "1e1:9", "١٦:٩", "9" * 99 + ":1", "automatic")],
    ({"width": "1024", "aspect_ratio": "auto"}, "height is required with width, or aspect_ratio in its place."),
    ({"width": "1024"}, "height is required with width, or aspect_ratio in its place."),
    ({"height": "1024", "shape": "square"}, "width is required with height, or aspect_ratio in its place."),
    ({"size": "1024x1024", "width": "1024"}, "width must be left out with size, which gives it."),
    ({"size": "1024x1024", "height": "1024"}, "height must be left out with size, which gives it."),
    ({"size": "1024x1024", "aspect_ratio": "16:9"}, "aspect_ratio must be that of the width and height asked for,"),
    ({"width": "1024", "height": "1024", "aspect_ratio": "16:9"}, "aspect_ratio must be that of the width and height"),
    ({"width": "4096", "aspect_ratio": "1:4"}, "aspect_ratio must give a height from 64 to 4,096, and here it gives 1"),
    ({"height": "64", "aspect_ratio": "1:4"}, "aspect_ratio must give a width from 64 to 4,096, and here it gives 16;"),
    ({"size": "1024x1024", "shape": "portrait"}, "shape must be square with this size or aspect ratio, or left out."),
    ({"aspect_ratio": "16:9", "shape": "square"}, "shape must be landscape with this size or aspect ratio, or left"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "sent"), READ, ids=str)
def test_they_are_read_alike_by_every_way(client, worker, fields, sent):
    query = "&".join(f"{name}={quote(text)}" for name, text in fields.items())
    assert client.get(f"/generate?prompt=a&{query}").status_code == 200
    assert client.post("/generate", json={"prompt": "a", **fields}).status_code == 200
    assert client.get(f"/generate.webp?prompt=a&{query}").status_code == 200
    streamed = client.get(f"/generate?prompt=a&{query}", headers={"Accept": "text/event-stream"})
    assert "event: result" in streamed.text
    for asked in worker.asked_to_make():
        assert {name: asked[name] for name in ("shape", *SIZE_FIELDS) if name in asked} == {
            "shape": asked["shape"],
            **sent,
        }
    assert len(worker.asked_to_make()) == 4


def test_numbers_of_json_are_read_as_texts_are(client, worker):
    client.post("/generate", data=b'{"prompt": "a", "width": 1024, "height": 1.024e3, "aspect_ratio": null}')
    assert worker.asked_to_make()[0]["height"] == 1024
    for body in (
        b'{"prompt": "a", "size": 1024}',
        b'{"prompt": "a", "aspect_ratio": 1.5}',
        b'{"prompt": "a", "width": [64]}',
    ):
        assert client.post("/generate", data=body).status_code == 400


@pytest.mark.parametrize(("fields", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_no_size_or_contradicts_another_is_refused_by_name(client, worker, fields, sentence):
    query = "&".join(f"{name}={quote(text)}" for name, text in fields.items())
    answers = [client.get(f"/generate?prompt=a&{query}"), client.post("/generate", json={"prompt": "a", **fields})]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
        assert answer.json["error"].startswith(sentence)
    assert worker.requests == []
    # OpenAI's clients find the field's name in the error.
    assert parameter_named(ErrorBody(error=sentence, code="invalid_parameter")) == sentence.split()[0]


@pytest.mark.parametrize(
    ("fields", "sentence"), [it for it in REFUSED if "size" not in it[0]], ids=lambda it: str(it)[:40]
)
def test_the_render_worker_refuses_the_same(fields, sentence):
    with pytest.raises(InvalidField) as refused:
        GenerateRequest.parse_json(json.dumps({"prompt": "a", **fields}).encode())
    assert str(refused.value).startswith(sentence)


def test_the_render_worker_reads_what_this_tier_sends():
    """Also the shape, which goes with every size; and of what only this tier sends, clients can set nothing."""
    for fields, _ in READ:
        options = GenerationOptions.parse({"prompt": "a", **fields}.items())
        sent = GenerateRequest(**options.recipe().model_dump(), as_size=True if options.size else None)
        assert GenerateRequest.parse_json(sent.model_dump_json(exclude_none=True).encode()) == sent
    for name in ("as_size", "size_optional"):
        with pytest.raises(InvalidField, match=f'"{name}" is not a parameter here'):
            GenerationOptions.parse({"prompt": "a", name: "true"}.items())


def test_a_shape_alone_is_sent_as_ever():
    sent = json.loads(GenerateRequest(**Recipe(prompt="a").model_dump()).model_dump_json(exclude_none=True))
    assert not set(SIZE_FIELDS) & set(sent)


def key_of(**fields: str) -> str:
    return recipe_key(GenerationOptions.parse({"prompt": "a", "seed": "5", **fields}.items()))


SAME = [
    [{"size": "1024x1024"}, {"width": "1024", "height": "1024"}, {"size": "1024X1024", "shape": "square"}],
    [{"width": "1024", "aspect_ratio": "1:1"}, {"height": "1024", "aspect_ratio": "3:3", "shape": "square"}],
    # Of these two another picture comes, if no engine can make it: the shape as the engine has it, and the exact ratio.
    [{"size": "1536x1024"}, {"width": "1536", "height": "1024", "shape": "landscape"}],
    [{"width": "1536", "aspect_ratio": "3:2"}, {"height": "1024", "aspect_ratio": "1.5:1"}],
    [{"aspect_ratio": "16:9"}, {"aspect_ratio": "32:18"}, {"aspect_ratio": "1.6:0.9", "shape": "landscape"}],
    [{"width": "1024", "aspect_ratio": "16:9"}, {"height": "576", "width": "1024", "aspect_ratio": "32:18"}],
    [{"shape": "square"}, {}, {"size": "auto"}],
    [{"aspect_ratio": "1:1"}],
    [{"size": "1024x576"}],
    [{"size": "1024x1032"}],
]


def test_equal_requests_share_an_entry_and_others_do_not():
    keys = [{key_of(**fields) for fields in group} for group in SAME]
    assert [len(group) for group in keys] == [1] * len(SAME)
    assert len(set.union(*keys)) == len(SAME)


def test_a_result_is_told_in_the_words_of_each_request(client, worker):
    worker.say(200, {**RESULT, "ignored": ["seed", "size"]})
    first = client.get("/generate?prompt=a&seed=5&size=1024x1024").json
    assert (first["ignored"], first["cached"], "aspect_ratio" in first) == (["seed", "size"], False, False)
    others = {
        "width=1024&height=1024": (["height", "seed", "width"], None),
        "size=1024x1024": (["seed", "size"], None),
    }
    for query, told in others.items():
        answer = client.get(f"/generate?prompt=a&seed=5&{query}").json
        assert (answer["cached"], (answer["ignored"], answer.get("aspect_ratio"))) == (True, told)
    assert len(worker.asked_to_make()) == 1
    ratio = [client.get(f"/generate?prompt=a&seed=5&{it}").json for it in ("aspect_ratio=2:2", "aspect_ratio=4:4")]
    assert [it["cached"] for it in ratio] == [False, True]
    assert ratio[1]["aspect_ratio"] == "4:4"


def test_requests_that_are_coalesced_are_told_in_their_own_words_too(client, worker):
    worker.say(200, {**RESULT, "ignored": ["size"]}, before=lambda: time.sleep(0.5))
    queries = ["size=1024x1024", "width=1024&height=1024", "height=1024&width=1024"]
    paths = [f"/generate?prompt=a&seed=5&{query}" for query in queries]
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.application.test_client().get, paths[0])
        wait_until(lambda: worker.requests, "the first request's flight")
        answers = list(pool.map(lambda path: client.application.test_client().get(path), paths[1:]))
    told = [
        (it.headers["X-Cache"], it.json["ignored"], it.json.get("aspect_ratio")) for it in (first.result(), *answers)
    ]
    assert told == [
        ("MISS", ["size"], None),
        ("JOINED", ["height", "width"], None),
        ("JOINED", ["height", "width"], None),
    ]
    assert len(worker.asked_to_make()) == 1


def test_the_recipe_of_a_size_has_the_seed_used_and_makes_a_lost_picture_again(client, worker):
    client.get("/generate?prompt=a&width=1024&aspect_ratio=16:9")
    worker.say_to("/images/", 404, {"success": False, "error": "Gone.", "code": "not_found"})
    client.get(f"/images/{NAME}")
    again = worker.asked_to_make()[1]
    assert (again["seed"], again["width"], again["aspect_ratio"]) == (7, 1024, "16:9")


OLDER = {
    "success": False,
    "error": '"width" is not a parameter here; known are prompt, negative_prompt, seed.',
    "code": "invalid_parameter",
}


def test_a_head_of_what_is_cached_is_in_the_words_of_its_request(client, worker):
    worker.say(200, {**RESULT, "ignored": ["size"]})
    client.get("/generate?prompt=a&seed=7&size=1024x1024")
    for query in ("width=1024&height=1024", "size=1024x1024"):
        got = client.get(f"/generate?prompt=a&seed=7&{query}")
        head = client.head(f"/generate?prompt=a&seed=7&{query}")
        assert (head.headers["X-Cache"], head.content_length) == ("HIT", got.content_length)


@pytest.fixture
def older(worker):
    """A worker of the version before: it refuses sizes, and makes shapes."""
    worker.say(400, OLDER, before=lambda: worker.say(200, RESULT))
    return worker


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("size=1024x1024", ["size"]),
        ("width=1024&height=1024", ["height", "width"]),
        ("width=1024&aspect_ratio=1:1", ["width"]),
        ("width=1024&aspect_ratio=2:1", ["aspect_ratio", "width"]),
        ("aspect_ratio=16:9&model=sketch", ["aspect_ratio"]),
    ],
)
def test_an_older_worker_makes_the_shape_for_now(client, older, monkeypatch, query, ignored):
    monkeypatch.setattr("image_api.generation.results.DEGRADED_TTL_SECONDS", 0)
    answer = client.get(f"/generate?prompt=a&seed=7&{query}").json
    assert (answer["ignored"], answer["width"]) == (ignored, 768)
    assert answer.get("aspect_ratio") == ("1:1" if "1:1" in query else None)
    assert not set(SIZE_FIELDS) & set(older.asked_to_make()[1])
    assert client.get(f"/generate?prompt=a&seed=7&{query}").json["cached"] is False


@pytest.mark.parametrize("query", ["size=768x768", "width=768&height=768", "aspect_ratio=1:1", "aspect_ratio=9:9"])
def test_what_the_shape_of_an_older_worker_has_is_not_ignored(client, older, query):
    answer = client.get(f"/generate?prompt=a&seed=7&{query}").json
    assert (answer["width"], answer["height"], "ignored" in answer) == (768, 768, False)


def test_of_an_older_worker_an_exact_size_of_a_named_model_is_refused_with_the_reason(client, older):
    answer = client.get("/generate?prompt=a&size=1024x1024&model=sketch")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith("size cannot be honoured by the render worker, which is of an older version")
    assert len(older.asked_to_make()) == 1


def test_an_older_worker_makes_the_shape_for_openai_s_clients(client, older):
    body = {"prompt": "a", "size": "1024x1024", "model": "sketch"}
    assert client.post("/v1/images/generations", json=body).status_code == 200
    assert [("width" in asked) for asked in older.asked_to_make()] == [True, False]


def test_entries_of_the_version_before_are_read_and_not_mistaken(client, worker):
    """A result is of another key, for its picture may be smaller than what the same request gets now."""
    old_key = "000083e4823fb598969f7b55a640288b290bd9c78417af3a27fedac365c45d56"  # of RECIPE, by that version
    assert recipe_key(Recipe(prompt="a tree é")) != old_key
    generation = services_of(client.application).generation
    stored = (
        b'{"prompt":"a tree","negative_prompt":null,"seed":7,"guidance_scale":7.0,"shape":"landscape","model":"auto"}'
    )
    recipe = Recipe.model_validate_json(stored)
    assert (recipe.shape, recipe.exact_size, recipe.aspect_ratio, recipe.size_optional) == (
        "landscape",
        None,
        None,
        None,
    )
    assert generation.cached(GenerationOptions(**recipe.model_dump())) is None
