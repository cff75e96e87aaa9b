"""Signed links at this tier: what they open, for whom, and what is left of them in what comes back."""

import json
import time

import pytest

from image_api.generation.query_strings import query_pairs
from image_api.web.scopes import needs_credential
from image_api.web.signed_links import SIGNABLE
from tests.api.auth.conftest import ANN, OPERATOR
from tests.api.conftest import RESULT
from tests.api.test_window_page import ADDRESS_BAR
from tests.fakes.links import HOUR, KEY, link

OLD_KEY = "second-" + "k" * 32
PATHS = ["/generate", "/generate.png", "/generate.jpg", "/generate.jpeg", "/generate.webp", "/sheet", "/sheet.json"]
IMG = {"Sec-Fetch-Dest": "image", "Accept": "image/avif,image/webp,*/*;q=0.8"}
EVENTS = {"Accept": "text/event-stream"}


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


@pytest.fixture(params=["none", "huggingface"])
def auth(request, settings):
    return settings | {"auth": request.param, "admin_accounts": () if request.param == "none" else "Zoe"}


@pytest.fixture
def client(client_with, auth, keeps):
    keeps()
    return client_with(**auth, signing_keys=f"{KEY},{OLD_KEY}")


@pytest.fixture
def closed(client_with, settings, keeps):
    """A client of a tier that wants a credential."""
    keeps()
    return client_with(**settings, signing_keys=KEY)


@pytest.mark.parametrize("path", [*PATHS, "/sheet.png", "/sheet.webp"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_needs_no_credential(client, path, method):
    assert client.open(link(path), method=method).status_code == 200


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_each_of_the_signing_keys_verifies(client, key):
    assert client.get(link("/generate", key=key)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        lambda it: it.replace("boat", "goat"),
        lambda it: it + "&n=9",
        lambda it: it + "&utm_source=a",
        lambda it: it + "&style=",
        lambda it: it.replace("&seed=7", ""),
        lambda it: it.replace("&seed=7", "&seed=7&seed=7"),
        lambda it: it.replace("/generate?", "/generate.png?"),
        lambda it: it.replace("expires=", "expires=1"),
        lambda it: it.replace("&signature=", "&signature=A"),
        lambda it: it + "&signature=A",
        lambda it: it.partition("&signature=")[0] + "&signature=",
        lambda it: it.replace("&signature=", "&%73ignature=A"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_changed_one_is_refused_whatever_auth_is(client, worker, changed, method):
    answer = client.open(changed(link("/generate")), method=method, headers=ANN)
    assert answer.status_code == 403
    if method == "GET":
        assert code_of(answer) == (403, "invalid_link")
        assert "not signed for this request" in answer.json["error"]
    assert worker.asked_to_make() == []


def test_one_without_its_signature_is_as_any_request(closed):
    assert code_of(closed.get(link("/generate").partition("&signature=")[0])) == (401, "unauthorized")


def test_another_key_s_is_refused(client):
    assert code_of(client.get(link("/generate", key="x" * 32))) == (403, "invalid_link")


def test_an_expired_one_says_since_when(client, worker):
    since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time.time() - HOUR))
    answer = client.get(link("/generate", seconds=-HOUR))
    assert code_of(answer) == (403, "invalid_link")
    assert since[:10] in answer.json["error"]
    assert "expired" in answer.json["error"]
    assert worker.asked_to_make() == []


@pytest.mark.parametrize("query", ["prompt=a%20boat&seed=7", "seed=7&prompt=a+b%6Fat", "&prompt=%61+boat&&seed=%37"])
def test_how_it_is_written_makes_no_difference(client, query):
    own = link("/generate").partition("&seed=7&")[2]
    assert client.get(f"/generate?{query}&{own}").status_code == 200
    encoded = own.replace("signature", "%73%69%67%6e%61%74%75%72%65").replace("expires", "e%78pires")
    assert client.get(f"/generate?{query}&{encoded}").status_code == 200


@pytest.mark.parametrize("prompt", ["ein%20B%C3%B6%C3%B6t%20%22%27%26%3D%2B%23", "a%2520b", "%F0%9F%9A%A2"])
def test_a_prompt_of_any_letters_can_be_signed(client, worker, prompt):
    assert client.get(link("/generate", f"prompt={prompt}")).status_code == 200
    (request,) = worker.asked_to_make()
    assert request["prompt"] == dict(query_pairs(f"prompt={prompt}".encode()))["prompt"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_is_for_get_and_head_alone(closed, worker, method):
    answer = closed.open(link("/generate"), method=method, json={"prompt": "a boat", "seed": 7})
    assert answer.status_code == (401 if method == "POST" else 405)
    assert worker.asked_to_make() == []


def test_no_other_address_takes_one(closed):
    rules = [it for it in closed.application.url_map.iter_rules() if "GET" in it.methods]
    others = [it for it in rules if needs_credential(it.endpoint) and it.endpoint not in SIGNABLE]
    paths = [closed.application.url_map.bind("").build(it.endpoint, dict.fromkeys(it.arguments, "a")) for it in others]
    assert len(paths) > 5
    assert {path: code_of(closed.get(link(path))) for path in paths} == dict.fromkeys(paths, (401, "unauthorized"))


def test_it_makes_no_job(client):
    answer = client.get(link("/generate"), headers={"Prefer": "respond-async"})
    assert code_of(answer) == (403, "forbidden")
    assert "signed link" in answer.json["error"]


@pytest.mark.parametrize("headers", [ANN, OPERATOR, {"Authorization": "Bearer hf_unknown_x"}, {"Authorization": "x"}])
def test_a_credential_beside_it_changes_nothing(client, headers):
    assert client.get(link("/generate"), headers=headers).status_code == 200
    answer = client.get(link("/generate"), headers={**headers, "Prefer": "respond-async"})
    assert code_of(answer) == (403, "forbidden")


def test_the_picture_is_that_of_the_unsigned_address(closed, worker):
    assert closed.get("/generate?prompt=a+boat&seed=7", headers=ANN).json["cached"] is False
    answer = closed.get(link("/generate"))
    assert (answer.json["cached"], answer.headers["X-Cache"]) == (True, "HIT")
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize("path", ["/generate", "/generate.png", "/sheet", "/sheet.png"])
@pytest.mark.parametrize("headers", [{}, IMG, EVENTS, ADDRESS_BAR], ids=["json", "img", "events", "window"])
def test_nothing_of_it_comes_back(client, worker, path, headers):
    address = link(path)
    own = address.partition("&seed=7&")[2]
    answer = client.get(address, headers=headers)
    text = answer.get_data(as_text=True) if answer.mimetype.startswith(("text", "appl")) else ""
    everything = text + str(answer.headers) + json.dumps(worker.asked_to_make())
    for part in own.split("&"):
        assert part.partition("=")[2] not in everything
    assert "signature" not in text.replace(worker.url, "")


def test_an_img_gets_the_picture(client):
    answer = client.get(link("/generate"), headers=IMG)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost{RESULT['image_url']}")
    assert client.get(answer.headers["Location"]).mimetype == "image/png"


def test_an_img_gets_a_sheet_without_a_redirect_to_an_address_that_is_not_signed(client):
    answer = client.get(link("/sheet"), headers=IMG)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")


def test_a_window_gets_the_page_whose_script_asks_by_the_same_address(client, worker):
    answer = client.get(link("/generate"), headers=ADDRESS_BAR)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "<body data-starts>" in answer.text
    assert "generate?" not in answer.text  # the link for browsers without scripts would be another address
    assert worker.asked_to_make() == []
    assert client.get(link("/generate"), headers=EVENTS).mimetype == "text/event-stream"


@pytest.mark.parametrize("path", ["/generate", "/generate.png", "/sheet", "/sheet.png"])
def test_a_window_is_told_on_a_page_why_one_is_not_valid(client, worker, path):
    answer = client.get(link(path, seconds=-HOUR), headers=ADDRESS_BAR)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "This link has expired" in answer.text
    assert worker.asked_to_make() == []


def test_a_stream_is_resumed_by_the_same_link(client):
    first = client.get(link("/generate"), headers=EVENTS).text
    event_id = next(line.removeprefix("id: ") for line in reversed(first.splitlines()) if line.startswith("id: "))
    again = client.get(link("/generate"), headers={**EVENTS, "Last-Event-ID": event_id})
    assert again.status_code == 204


def test_prefetches_and_preview_bots_cost_nothing(client, worker):
    assert client.get(link("/generate.png"), headers={"Sec-Purpose": "prefetch"}).status_code == 503
    bot = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
    assert client.get(link("/generate"), headers=bot).mimetype == "text/html"
    assert worker.asked_to_make() == []


def test_any_page_s_script_may_read_it_and_its_refusal(client):
    page = {"Origin": "https://pictures.example"}
    for address in (link("/generate"), link("/generate", seconds=-HOUR)):
        answer = client.get(address, headers=page)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    asks = {**page, "Access-Control-Request-Method": "GET"}
    assert client.options(link("/generate", seconds=-HOUR), headers=asks).status_code == 200


@pytest.mark.parametrize("base", ["", "/prefix"])
def test_a_proxy_s_prefix_is_no_part_of_it(closed, base):
    answer = closed.get(link("/generate"), base_url=f"http://localhost{base}")
    assert answer.status_code == 200


def test_too_many_parameters_are_said(client):
    answer = client.get(link("/generate") + "&a=1" * 100)
    assert code_of(answer) == (400, "invalid_parameter")


def test_an_invalid_request_that_is_signed_is_invalid(client):
    assert code_of(client.get(link("/generate", "seed=7"))) == (400, "invalid_parameter")
    assert code_of(client.get(link("/generate", "prompt=a&sede=1"))) == (400, "invalid_parameter")


def test_its_pictures_count_on_the_limits_of_each_client_that_opens_it(client_with, auth, keeps):
    keeps()
    client = client_with(**auth, signing_keys=KEY, rate_limit="1 per hour", trusted_proxies=1)

    def status(query: str, visitor: str, **headers: str) -> int:
        return client.get(link("/generate", query), headers={"X-Forwarded-For": visitor, **headers}).status_code

    assert [status("prompt=a&seed=1", "192.0.2.1"), status("prompt=b&seed=1", "192.0.2.1")] == [200, 429]
    assert [status("prompt=b&seed=1", "192.0.2.2"), status("prompt=c&seed=1", "192.0.2.2")] == [200, 429]
    assert status("prompt=b&seed=1", "192.0.2.1") == 200  # it is cached
    assert status("prompt=c&seed=1", "192.0.2.1", **ANN) == 429  # whatever account opens it
