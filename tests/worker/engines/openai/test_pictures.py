"""Where the picture is in an answer, and from which hosts it is fetched with which headers."""

import base64
import json

import pytest

from render_worker.engines import build_engines
from render_worker.errors import BadPicture, EngineNotConfigured, UnexpectedReply
from render_worker.settings import Settings
from tests.fakes.at_openai import KEY, asked, make, play, size_of
from tests.fakes.played import drawn
from tests.fakes.scripted_server import ScriptedServer


def answers(server, **item):
    server.say(200, json.dumps({"data": [item]}).encode())


@pytest.mark.parametrize("word", ["url", "data_url"])
@pytest.mark.parametrize("of", ["openai", "compatible", "together"])
def test_a_picture_by_its_address_is_taken(site, word, of):
    play(site, openai=word)
    assert size_of(make(site, of)) == (1024, 1024)


def test_a_relative_address_is_the_server_s_own_and_gets_the_key(site):
    play(site, openai="relative")
    assert size_of(make(site, "localai", openai_image_model="a")) == (1024, 1024)
    assert asked(site, "openai_kept") == [{"key": True}]


@pytest.mark.parametrize("word", ["elsewhere", "no_address"])
def test_an_address_on_another_host_is_not_fetched(site, word):
    play(site, openai=word)
    with pytest.raises(UnexpectedReply):
        make(site, "compatible")


def test_a_link_that_has_expired_is_a_missing_picture(site):
    play(site, openai="url", upload="404")
    with pytest.raises(BadPicture):
        make(site, "compatible")


def test_a_redirect_of_the_picture_s_host_is_not_followed(site):
    play(site, openai="url", upload="redirect")
    with pytest.raises(UnexpectedReply, match="302"):
        make(site, "compatible")


def test_no_other_host_gets_the_key():
    with ScriptedServer() as server, ScriptedServer() as other:
        other.say(200, drawn((64, 64)), Content_Type="image/png")
        answers(server, url=f"{other.url}/a.png")
        image = make(server, "compatible", openai_image_origins=(other.url,))
        assert size_of(image) == (64, 64)
        assert server.authorized
        assert not other.authorized
        assert KEY not in str(other.heads)


@pytest.mark.parametrize(
    "address",
    [
        "{own}@{other}/a.png",
        "http://user:word@{other}/a.png",
        "//{other}/a.png",
        "http://{other}\\@{own}/a.png",
        "file:///etc/passwd",
        "ftp://{other}/a.png",
        "http://{other}",
        "javascript:alert(1)",
        " http://{other}/a.png",
    ],
)
def test_a_hostile_address_is_refused(address):
    with ScriptedServer() as server, ScriptedServer() as other:
        answers(server, url=address.format(own=server.url, other=other.url.removeprefix("http://")))
        with pytest.raises((UnexpectedReply, BadPicture)):
            make(server, "compatible")
        assert other.asked == []


@pytest.mark.parametrize(
    "document",
    [
        {"data": [{"b64_json": None, "url": None}]},
        {"data": [{"b64_json": "", "url": ""}]},
        {"data": ["?"]},
        {"data": {}},
        {"data": None},
        {"data": [{"url": "data:image/png;base64,*"}]},
        {"data": [{"url": "data:image/png,raw"}]},
        {"data": [{"b64_json": {"a": 1}}]},
        {},
    ],
    ids=str,
)
def test_an_answer_without_a_picture_is_an_error(document):
    with ScriptedServer() as server:
        server.say(200, json.dumps(document).encode())
        with pytest.raises((BadPicture, UnexpectedReply)):
            make(server, "compatible")
        assert len(server.asked) == 1


def test_a_reply_that_is_compressed_unasked_is_refused():
    with ScriptedServer() as server:
        server.say(200, b"?", Content_Encoding="gzip")
        with pytest.raises(UnexpectedReply, match="compressed"):
            make(server, "compatible")


@pytest.mark.parametrize(
    ("word", "error"), [("task_failed", "out of memory"), ("task_refused", "declined"), ("task_odd", "not known")]
)
def test_a_task_that_fails_says_why(site, word, error):
    play(site, openai=word)
    with pytest.raises(Exception, match=error):
        make(site, "modelscope", openai_image_model="a/b")


def test_a_look_that_fails_costs_no_task(site):
    play(site, openai="task_glitch")
    assert make(site, "modelscope", openai_image_model="a/b").data
    assert len(asked(site)) == 1
    assert asked(site, "openai_task") == [{"type": "image_generation"}] * 2


def test_a_task_that_is_lost_or_has_no_id_is_an_error(site):
    for word in ("task_lost", "task_no_id"):
        play(site, openai=word)
        with pytest.raises(Exception, match=r"answer|this address|not found"):
            make(site, "modelscope", openai_image_model="a/b")
    assert len(asked(site)) == 2


def test_a_user_in_the_address_is_known_at_the_api_and_for_its_pictures():
    with ScriptedServer() as server:
        answers(server, url="data:image/jpeg;base64," + base64.b64encode(drawn((64, 64))).decode())
        with_user = server.url.replace("http://", "http://ann:a%20word@")
        make(server, "compatible", openai_base_url=with_user, openai_api_key=None)
        said = base64.b64encode(b"ann:a word").decode()
        assert f"Basic {said}" in str(server.heads)
        with pytest.raises(EngineNotConfigured, match="leave one of them out") as caught:
            make(server, "compatible", openai_base_url=with_user)
        assert "word" not in str(caught.value)


def test_the_schemes_own_port_makes_no_other_origin():
    there = engine_at("https://pictures.example:443/v1")._connection
    for address in ("https://pictures.example/a.png", "https://PICTURES.example:443/a.png"):
        assert there.is_own(address)
        assert there.pictures.allows(address)
    assert not there.is_own("http://pictures.example:443/a.png")
    user = engine_at("https://ann:word@pictures.example/v1", openai_api_key=None)._connection
    assert user.is_own("https://pictures.example/a.png")
    assert user.pictures.allows("https://pictures.example/a.png")
    assert not user.pictures.allows("https://ann:word@pictures.example/a.png")


def test_what_a_stand_in_made_there_is_marked():
    with ScriptedServer() as server:
        item = {"b64_json": base64.b64encode(drawn((64, 64))).decode()}
        server.say(200, json.dumps({"data": [item], "simulated": True}).encode())
        assert make(server, "image-generation-api").simulated
        assert not make(server, "compatible").simulated
        answers(server, **item)
        assert not make(server, "image-generation-api").simulated


def engine_at(base, **changes):
    return build_engines(("openai",), Settings(openai_base_url=base, **{"openai_api_key": KEY, **changes}))["openai"]
