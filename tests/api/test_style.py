"""`style` of /generate, /sheet and the WebSocket: the prompts in a named style, by every way that a client asks."""

import json
from collections.abc import Callable

import pytest
from requests import Request

from image_api.generation.options import GenerationOptions
from image_api.styles import STYLES
from render_worker.contract import MAX_TEXT, NDJSON, GenerateResult, alternative_text
from tests.api.conftest import RESULT, Front, ScriptedWorker

ANIME = STYLES["anime"]
STYLED = ANIME.applied_to("a tree")
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def echoing(worker: ScriptedWorker) -> ScriptedWorker:
    """A render worker whose pictures have the prompts and the alternative text of their recipe in the style."""
    worker.say(200, {**RESULT, "prompt": STYLED, "alt": STYLED})
    return worker


def form(**fields: str) -> dict:
    prepared = Request("POST", "http://x", files={name: (None, text) for name, text in fields.items()}).prepare()
    return {"data": prepared.body, "content_type": prepared.headers["Content-Type"]}


def test_a_request_that_joins_one_in_a_style_has_its_own_words():
    of_the_other = GenerateResult.model_validate({**RESULT, "prompt": STYLED, "alt": "a tree"})
    assert GenerationOptions(prompt=STYLED).as_asked(of_the_other).alt == alternative_text(STYLED)
    assert GenerationOptions(prompt="a tree", style="anime").as_asked(of_the_other).alt == "a tree"


def test_a_file_s_name_has_the_client_s_words(client, echoing):
    echoing.say_to("/images", 200, b"the bytes")
    for path in ("/generate.png?prompt=a+tree&style=anime", "/generate?prompt=a+tree&style=anime&format=image"):
        assert f"filename=a-tree-{RESULT['seed']}.png" in client.get(path).headers["Content-Disposition"]


WAYS = {
    "query": lambda client, style: client.get(f"/generate?prompt=a+tree&style={style}"),
    "body": lambda client, style: client.post("/generate", json={"prompt": "a tree", "style": style}),
    "form": lambda client, style: client.post("/generate", **form(prompt="a tree", style=style)),
    "sheet": lambda client, style: client.get(f"/sheet?prompt=a+tree&style={style}"),
    "n": lambda client, style: client.get(f"/generate?prompt=a+tree&n=2&style={style}"),
    "events": lambda client, style: client.get(f"/generate?prompt=a+tree&style={style}", headers=EVENTS),
}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("style", ["anime", "Anime", "%20ANIME%20"])
def test_the_engine_gets_both_prompts_in_the_style(client, echoing, ask: Callable, style):
    answer = ask(client, style if ask in (WAYS["query"], WAYS["sheet"]) else "AnImE")
    assert answer.status_code == 200, answer.text
    for sent in echoing.asked_to_make():
        assert (sent["prompt"], sent["negative_prompt"]) == (STYLED, ANIME.negative_prompt)
        assert "style" not in sent
        assert sent["negative_prompt_optional"] is True


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
def test_the_result_has_the_engine_s_prompt_and_the_client_s_words_as_alt(client, echoing, ask: Callable):
    text = ask(client, "anime").text
    assert json.dumps(STYLED) in text
    assert '"alt":"a tree"' in text
    assert f'"alt":"{STYLED[:20]}' not in text


@pytest.mark.parametrize("path", ["/generate.png", "/sheet.png", "/sheet.webp"])
def test_addresses_of_files_take_it(client, worker, keeps, path):
    keeps()
    assert client.get(f"{path}?prompt=a+tree&seed=7&style=anime").mimetype.startswith("image/")
    assert {sent["prompt"] for sent in worker.asked_to_make()} == {STYLED}


def test_a_websocket_takes_it(front: Front):
    front.worker.say(200, {**RESULT, "prompt": STYLED, "alt": STYLED})
    said = front.said(json.dumps({"prompt": "a tree", "style": "anime"}))
    assert (said["result"]["prompt"], said["result"]["alt"]) == (STYLED, "a tree")
    front.worker.say(200, RESULT)


def test_the_client_s_own_negative_prompt_comes_first_and_is_not_optional(client, echoing):
    client.get("/generate?prompt=a+tree&negative_prompt=fog&style=anime")
    (sent,) = echoing.asked_to_make()
    assert sent["negative_prompt"] == f"fog, {ANIME.negative_prompt}"
    assert "negative_prompt_optional" not in sent


def test_the_same_picture_is_cached_once_for_both_families_and_each_gets_its_own_words(client, echoing):
    fields = {"prompt": "a tree", "style": "anime"}
    styled = client.post("/v1/images/generate", json=fields)
    again = client.get("/generate", query_string={**fields, "seed": 0})
    answers = [
        client.get("/generate", query_string={**fields, "seed": 7}).json,
        client.post("/generate", json={**fields, "style": "ANIME", "seed": 7}).json,
        client.post("/generate", json={"prompt": STYLED, "negative_prompt": ANIME.negative_prompt, "seed": 7}).json,
    ]
    assert (styled.json["from_cache"], again.json["cached"]) == (False, False)
    assert [it["cached"] for it in answers] == [False, True, False]  # of the third the negative prompt is required
    assert [it["alt"] for it in answers] == ["a tree", "a tree", STYLED]
    openai = client.post("/v1/images/generations", json={**fields, "seed": 7, "response_format": "url"})
    assert openai.json["data"][0]["alt"] == "a tree"
    assert len(echoing.asked_to_make()) == 4


@pytest.mark.parametrize("style", ["cubist", "anime,manga", "4", "<script>"])
@pytest.mark.parametrize("path", ["/generate", "/generate.png", "/sheet", "/sheet.png"])
def test_an_unknown_style_is_refused_and_the_known_ones_are_listed(client, worker, path, style):
    answer = client.get(path, query_string={"prompt": "a tree", "style": style})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith("style must be one of photorealistic, cinematic, anime, ")
    assert worker.requests == []


@pytest.mark.parametrize("style", ["", " ", None])
def test_an_empty_style_is_as_left_out(client, worker, style):
    assert client.post("/generate", json={"prompt": "a tree", "style": style}).status_code == 200
    assert [sent["prompt"] for sent in worker.asked_to_make()] == ["a tree"]


@pytest.mark.parametrize("ask", ["/generate", "/generate.png", "/sheet", "/sheet.png"])
def test_a_prompt_that_is_too_long_with_the_style_is_refused_after_all_other_checks(client, worker, ask):
    room = MAX_TEXT - len(ANIME.prompt.replace("{prompt}", ""))
    query = {"prompt": "a" * (room + 1), "style": "anime"}
    refused = client.get(ask, query_string=query)
    assert refused.json["error"] == f"prompt must be {room:,} characters at most with the style anime."
    assert client.get(ask, query_string={**query, "seed": "x"}).json["error"].startswith("seed must be ")
    assert client.get(ask, query_string={**query, "width": 64}).json["error"].startswith("height is required")
    assert worker.requests == []
    assert client.get("/generate", query_string={**query, "prompt": "a" * room}).status_code == 200


def test_a_negative_prompt_that_is_too_long_with_the_style_is_refused_by_its_name(client, worker):
    answer = client.get("/generate", query_string={"prompt": "a", "negative_prompt": "b" * 2000, "style": "anime"})
    assert answer.json["error"].startswith("negative_prompt must be ")
    assert answer.json["error"].endswith(" characters at most with the style anime.")
    assert worker.requests == []


def test_a_stream_that_is_resumed_has_the_client_s_words_too(client, worker):
    result = {**RESULT, "prompt": STYLED, "alt": STYLED}
    worker.say(200, json.dumps({"event": "result", "result": result}).encode() + b"\n", Content_Type=NDJSON)
    text = client.get("/generate?prompt=a+tree&style=anime", headers=EVENTS).text
    name = next(line for line in text.splitlines() if line.startswith("id: ")).removeprefix("id: ").split(":")[0]
    resumed = client.get("/generate?prompt=a+tree&style=anime", headers={**EVENTS, "Last-Event-ID": f"{name}:0"})
    assert '"alt":"a tree"' in resumed.text
    assert len(worker.asked_to_make()) == 1


def test_a_sheet_s_own_address_keeps_the_style(client, echoing):
    assert "style=anime" in client.get("/sheet?prompt=a+tree&style=anime&seed=40").json["sheet_url"]


def test_a_page_for_a_link_preview_shows_the_client_s_words(client, worker):
    page = client.get("/generate?prompt=a+tree&style=anime", headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})
    assert "<h1>a tree</h1>" in page.text
    assert worker.requests == []
