"""How values are read: with one verdict, by a query, JSON, a WebSocket's message, and every family's body."""

import json
import random
from urllib.parse import quote

import pytest

from image_api.generation.options import GenerationOptions
from image_api.styles import STYLES
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.styled import StyledRequest
from render_worker.contract import GenerateRequest, InvalidField
from tests.fakes.ways import LEFT_OUT, REFUSED, Verdict


def body_of(field: str, value: str) -> bytes:
    """Return a body with a field's value as the JSON spells it."""
    other = "" if field == "prompt" else '"prompt": "a", '
    return f'{{{other}"{field}": {value}}}'.encode("utf-8", "surrogatepass")


NUMBERS = {
    "42": 42,
    "42.0": 42,
    "4.2e1": 42,
    "420E-1": 42,
    "-1": -1,
    "-0": 0,
    "2147483647": 2147483647,
    "2147483648": REFUSED,
    "2147483647.0000001": REFUSED,  # a double cannot tell it from 2147483647
    "1.5": REFUSED,
    "1e400": REFUSED,
    "1e99999999": REFUSED,
    "9" * 5000: REFUSED,
    "0." + "1" * 400: REFUSED,
}
SPELLED = {  # which no JSON number is, but a text may be
    " 42 ": 42,
    "+42": 42,
    "042": 42,
    "": LEFT_OUT,
    " \t": LEFT_OUT,
    "\u0664\u0662": REFUSED,  # 42 in Arabic digits
    "\u00b2": REFUSED,
    "4_2": REFUSED,
    "0x2a": REFUSED,
    "42,0": REFUSED,
    "1.": REFUSED,
    ".5": REFUSED,
    "NaN": REFUSED,
    "Infinity": REFUSED,
    "-Infinity": REFUSED,
    "true": REFUSED,
    "null": REFUSED,
}


@pytest.mark.parametrize(("text", "verdict"), {**NUMBERS, **SPELLED}.items(), ids=lambda value: repr(value)[:30])
def test_a_whole_number_has_one_verdict_however_it_comes(front, text, verdict):
    verdict = -1 if verdict is LEFT_OUT else verdict
    spellings = [json.dumps(text), *([text] if text in NUMBERS or text in ("NaN", "Infinity", "-Infinity") else [])]
    assert front.by_query("seed", text) == verdict
    for spelling in spellings:
        assert front.by_post("seed", body_of("seed", spelling)) == verdict
        assert front.by_websocket("seed", body_of("seed", spelling)) == verdict
        assert of_worker("seed", spelling) == verdict


def of_worker(field: str, spelling: str) -> Verdict:
    """Return how the worker's own POST reads a value."""
    try:
        return getattr(GenerateRequest.parse_json(body_of(field, spelling)), field)
    except InvalidField:
        return REFUSED


@pytest.mark.parametrize(
    ("field", "value", "verdict"),
    [
        ("seed", "null", -1),
        ("seed", "true", REFUSED),
        ("seed", "[42]", REFUSED),
        ("seed", "{}", REFUSED),
        ("guidance_scale", "null", 7.0),
        ("guidance_scale", "false", REFUSED),
        ("guidance_scale", '"7.50"', 7.5),
        ("guidance_scale", "7", 7.0),
        ("guidance_scale", "1e400", REFUSED),
        ("guidance_scale", "-0.0", 0.0),
        ("guidance_scale", "20.0000000000000000000000001", 20.0),
        ("within", "5e-324", 5e-324),
        ("within", "1e-400", REFUSED),
        ("within", "0", REFUSED),
        ("within", '" 20 "', 20.0),
        ("within", "null", LEFT_OUT),
        ("shape", '"Landscape"', "landscape"),
        ("shape", '" PORTRAIT "', "portrait"),
        ("shape", '""', "square"),
        ("shape", "null", "square"),
        ("shape", '"round"', REFUSED),
        ("shape", "7", REFUSED),
        ("output_format", '"PNG"', "png"),
        ("output_format", '"WebP"', "webp"),
        ("model", '""', "auto"),
        ("model", "null", "auto"),
        ("model", '"AUTO"', "auto"),
        ("model", '" sketch "', "sketch"),
        ("model", "7", REFUSED),
        ("negative_prompt", '""', LEFT_OUT),
        ("negative_prompt", '"  "', LEFT_OUT),
        ("negative_prompt", "null", LEFT_OUT),
        ("negative_prompt", '" fog "', "fog"),
        ("negative_prompt", "true", REFUSED),
        ("prompt", '""', REFUSED),
        ("prompt", "null", REFUSED),
        ("prompt", "7", REFUSED),
        ("prompt", '"7"', "7"),
        ("prompt", '"' + " " * 50 + "\U0001f332" * 2000 + '\\n"', "\U0001f332" * 2000),
        ("prompt", '"' + "\U0001f332" * 2001 + '"', REFUSED),
        ("prompt", '"e\\u0301"', "e\u0301"),  # neither composed nor decomposed
        ("prompt", '"a\\tb\\nc"', "a\tb\nc"),
        ("prompt", '"a\\u0000b"', REFUSED),
        ("prompt", '"a\\u007fb"', REFUSED),
        ("prompt", '"\\ud800"', REFUSED),
        ("prompt", '"\\ud83c\\udf32"', "\U0001f332"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_has_one_verdict_by_every_way(front, field, value, verdict):
    body = body_of(field, value)
    assert front.by_post(field, body) == verdict
    assert front.by_websocket(field, body) == verdict
    assert of_worker(field, value) == verdict
    if field in ("prompt", "model"):
        assert front.by_styled(field, body) == verdict
    if field in ("prompt", "model", "output_format"):
        assert front.by_openai(field, body) == verdict
    if value[0] == '"' and "\\ud800" not in value:
        assert front.by_query(field, json.loads(value)) == verdict
    elif value[0] in "-0123456789" and field in ("guidance_scale", "within"):
        assert front.by_query(field, value) == verdict


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "false", "False", " fALSE ", ""])
def test_a_boolean_is_a_word_in_any_case(front, word):
    for sent in (front.by_query("cache", word), front.by_post("cache", body_of("cache", json.dumps(word)))):
        assert sent is None  # the worker does not hear of it


@pytest.mark.parametrize("value", ["1", "0", "1.0", '"1"', '"0"', '"yes"', '"on"', "[true]"])
def test_a_number_is_no_boolean(front, value):
    assert front.by_post("cache", body_of("cache", value)) == REFUSED
    assert front.by_websocket("cache", body_of("cache", value)) == REFUSED
    if value[0] != "[":
        assert front.by_query("cache", value.strip('"')) == REFUSED


def test_random_numbers_have_one_verdict_by_query_text_and_number(front):
    chance = random.Random(7)
    for _ in range(60):
        text = f"{chance.choice(['', '-'])}{chance.randint(0, 30)}"
        text += chance.choice(["", f".{chance.randint(0, 10 ** chance.randint(1, 30))}"])
        text += chance.choice(["", f"{chance.choice('eE')}{chance.choice(['', '+', '-'])}{chance.randint(0, 400)}"])
        field = chance.choice(["seed", "guidance_scale", "within"])
        verdict = front.by_query(field, text)
        assert (text, front.by_post(field, body_of(field, text))) == (text, verdict)
        assert (text, front.by_post(field, body_of(field, f'"{text}"'))) == (text, verdict)


TRACKERS = """utm_source UTM_Campaign utm_anything fbclid gclid GCLID gbraid wbraid msclkid dclid yclid ttclid twclid
igshid igsh mc_cid mc_eid li_fat_id epik s_kwcid _ga _gl srsltid _hsenc mkt_tok __s _openstat mtm_source _ _ts cb"""


@pytest.mark.parametrize("tracker", TRACKERS.split())
def test_a_tracker_is_ignored(front, tracker):
    query = f"{tracker}=x&{tracker}=%ff"  # given twice, and not even UTF-8
    assert front.session.get(f"{front.url}/generate?prompt=a&{query}").status_code == 200
    assert front.session.get(f"{front.url}/generate.png?{query}").json()["error"].startswith("prompt is required")
    for path in ("/generate", "/v1/images/generate", "/v1/images/generations"):
        assert front.session.post(f"{front.url}{path}?{query}", json={"prompt": "a", tracker: 1}).status_code == 200
    assert front.said(json.dumps({"prompt": "a", tracker: None}))["event"] == "result"


@pytest.mark.parametrize("name", ["ref", "utmsource", "utm", "clid", "seed_", "Seed", "__proto__", "amp;seed", "?seed"])
def test_what_is_unknown_is_refused_by_name(front, name):
    for answer in (
        front.session.get(f"{front.url}/generate?prompt=a&{quote(name, safe='')}="),
        front.session.post(f"{front.url}/generate", json={"prompt": "a", name: None}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        assert answer.json()["error"].startswith(f'"{name}" is not a parameter here; known are prompt, ')


@pytest.mark.parametrize("query", ["seed=5&seed=5", "seed=&seed=5", "seed=&seed="])
def test_a_repeated_parameter_is_refused_even_if_it_says_the_same(front, query):
    assert "given 2 times" in front.session.get(f"{front.url}/generate?prompt=a&{query}").json()["error"]


def test_a_repeated_name_in_json_is_refused(front):
    body = b'{"prompt": "a", "seed": null, "seed": 5}'
    assert "given 2 times" in front.session.post(f"{front.url}/generate", data=body).json()["error"]
    assert "given 2 times" in front.said(body)["error"]["error"]


@pytest.mark.parametrize("query", ["prompt=a&", "&prompt=a&&", "prompt=a&&seed=", "prompt=+a+", "prompt=%20a"])
def test_stray_signs_in_a_query_mean_nothing(front, query):
    assert front.session.get(f"{front.url}/generate?{query}").json()["success"] is True
    assert json.loads(front.worker.requests[-1][3])["prompt"] == "a"


def test_a_mark_of_byte_order_before_json_means_nothing(front):
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert front.by_post("prompt", '{"prompt": "a"}'.encode(encoding)) == "a"


def test_every_field_can_be_left_out_as_null_or_empty(front):
    fields = front.session.get(f"{front.url}/").json()["parameters"]
    for nothing in (None, "", " "):
        body = {**dict.fromkeys(fields, nothing), "prompt": "a"}
        assert front.session.post(f"{front.url}/generate", json=body).status_code == 200
    assert front.session.get(f"{front.url}/generate", params={**dict.fromkeys(fields, ""), "prompt": "a"}).ok


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"partial_images": False}, 400),
        ({"n": True}, 400),
        ({"n": 1.0}, 200),
        ({"n": "1"}, 200),
        ({"stream": 0}, 400),
        ({"stream": "False"}, 200),
        ({"stream": ""}, 200),
        ({"style": "Natural"}, 200),
        ({"response_format": "URL"}, 200),
        ({"user": " " * 1000 + "a"}, 200),
        ({"user": "a" * 1001}, 400),
        ({"user": 7}, 400),
        ({"quality": "HD", "background": "Auto", "size": ""}, 200),
    ],
    ids=str,
)
def test_openai_s_own_fields_are_read_by_the_same_rule(front, body, status):
    answer = front.session.post(f"{front.url}/v1/images/generations", json={"prompt": "a", **body})
    assert (answer.status_code, answer.json().get("error", {}).get("param")) == (
        status,
        None if status == 200 else next(iter(body)),
    )


def test_a_style_is_named_in_any_case_and_answered_by_its_own_name(front):
    answer = front.session.post(f"{front.url}/v1/images/generate", json={"prompt": "a", "style": " Cinematic "})
    assert answer.json()["style"] == "cinematic"


@pytest.mark.parametrize("model", [GenerationOptions, StyledRequest, ImagesRequest])
def test_the_schema_names_the_words_that_are_accepted(model):
    schema = model.model_json_schema()["properties"]
    words = {name: _words(field) for name, field in schema.items() if _words(field) and name in model.public_fields()}
    assert words
    for name, accepted in words.items():
        for word in accepted:
            assert getattr(model.parse([("prompt", "a"), (name, word.title())]), name) == word
    assert words.get("style", list(STYLES)) == list(STYLES)


def _words(field: dict) -> list[str]:
    """Return the words that a field's schema lists."""
    return [
        word
        for choice in field.get("anyOf", [field])
        for word in choice.get("enum", [choice.get("const")])
        if isinstance(word, str)
    ]
