"""/status and /badge.svg: the state of the service for people. Neither wakes the render worker, nor tells a secret."""

import json
import re
import threading
import xml.etree.ElementTree as ElementTree
from datetime import datetime

import pytest

from image_api.dispatch import recent_contact, worker_client
from image_api.services import services_of
from image_api.web.pages.badge import COLORS
from render_worker.contract import WorkerHealth
from render_worker.serving.deadline import Deadline
from tests.api.conftest import RESULT
from tests.api.test_disclosure import HEALTH, HIDDEN, MODELS, OPERATOR, SECRET, TOKEN
from tests.api.test_picture_pages import BROWSER, JSON
from tests.api.test_preview_bots import SLACK
from tests.fakes.processes import wait_until

READY = {"state": "ready", "median_seconds": 7.4, "p90_seconds": 12.0}
RESTING = {"state": "resting", "breaker": "open", "reason": "a secret of the operator's"}
GOOD = {**HEALTH, "status": "ready", "engines": {"horde": READY, "sketch": {"state": "ready", "median_seconds": 0.2}}}
LISTED = {
    "name": "horde",
    "description": "d",
    "engine": "horde",
    "answers_auto": True,
    "state": "ready",
    "success_rate": 0.93,
}
WINDOW = {**BROWSER, "Sec-Fetch-Dest": "document"}


@pytest.fixture
def client(client_with, worker):
    worker.say_to("/health", 200, GOOD)
    worker.say_to("/models", 200, {"models": [LISTED]})
    return client_with(worker_token=TOKEN, worker_wake_seconds=0)


@pytest.fixture
def awake(client, worker):
    """Return a client of a service that has just heard of its worker."""
    assert client.get("/ready").status_code == 200
    worker.requests.clear()
    return client


def tell(client, worker, **health: object) -> None:
    """Have the worker say this of itself, to the service too."""
    worker.say_to("/health", 200, {**GOOD, **health})
    client.get("/ready")
    worker.requests.clear()


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


def words_of(svg: str) -> str:
    """Return what a badge says to a screen reader."""
    return parsed(svg).attrib["aria-label"]


class TestStatus:
    def test_it_works(self, awake):
        answer = awake.get("/status", headers=BROWSER)
        assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, "text/html", "no-store")
        assert all(word in answer.text for word in ("Up", "horde", "7.4 s", "12 s", "93 %", "sketch", "Ready"))
        assert "<script" not in answer.text
        assert "script-src" not in answer.headers["Content-Security-Policy"]

    def test_json_is_the_same(self, awake):
        answer = awake.get("/status", headers=JSON)
        assert (answer.mimetype, answer.headers["Vary"]) == ("application/json", "Accept")
        horde, sketch = answer.json["engines"]
        assert horde == {"name": "horde", "status": "ready", "success_rate": 0.93, **timing(READY)}
        assert sketch == {"name": "sketch", "status": "ready", "median_seconds": 0.2}
        assert (answer.json["status"], answer.json["median_seconds"]) == ("up", 7.4)
        assert answer.json["queue"] == {"running": 1, "waiting": 0}
        assert answer.json["up_since"]

    @pytest.mark.parametrize("headers", [BROWSER, JSON, SLACK, {**JSON, **OPERATOR}], ids=str)
    def test_what_is_the_operator_s_is_not_in_it(self, client, worker, headers):
        tell(client, worker, **HEALTH)
        worker.say_to("/models", 200, MODELS)
        answer = client.get("/status", headers=headers)
        hidden = [*HIDDEN, "one-client-s", "storage", worker.url, TOKEN]
        assert [word for word in hidden if word in answer.text] == []
        assert SECRET not in client.get("/badge.svg").text

    def test_engines_that_rest_are_named_without_the_reason(self, client, worker):
        tell(client, worker, ready=False, engines={"horde": RESTING, "vertex": {"state": "down", "reason": SECRET}})
        answer = client.get("/status", headers=BROWSER)
        assert "Resting" in answer.text
        assert "Out of use" in answer.text
        assert SECRET not in answer.text
        assert RESTING["reason"] not in answer.text

    def test_a_hostile_worker_puts_no_markup_into_it(self, client, worker):
        tell(client, worker, engines={"<script>x</script>": READY}, version="<b>", storage="<i>")
        assert "<script" not in client.get("/status", headers=BROWSER).text
        parsed(client.get("/badge.svg").text)

    def test_other_methods_are_refused(self, client):
        assert client.post("/status").status_code == 405
        assert client.head("/status", headers=BROWSER).status_code == 200


def timing(engine: dict) -> dict:
    return {name: value for name, value in engine.items() if name.endswith("_seconds")}


def test_a_service_that_has_heard_of_no_worker_yet_claims_no_minutes(client, worker):
    assert "has just started" in client.get("/status", headers=BROWSER).text
    tell(client, worker)
    assert "has just started" not in client.get("/status", headers=BROWSER).text


@pytest.mark.parametrize("path", ["/status", "/badge.svg"])
class TestAsleep:
    def test_it_says_so_and_wakes_nothing(self, client, worker, path):
        answer = client.get(path, headers=BROWSER)
        assert (answer.status_code, "asleep" in answer.text.lower()) == (200, True)
        assert worker.requests == []

    def test_nor_does_a_worker_out_of_reach_get_a_request(self, client_with, path):
        client = client_with(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=30)
        assert client.get(path, headers=BROWSER).status_code == 200
        assert not services_of(client.application).worker.cold_start.in_progress

    def test_after_a_minute_of_silence_it_is_not_known(self, awake, worker, path, monkeypatch):
        monkeypatch.setattr(recent_contact, "RECENT_SECONDS", 0)
        monkeypatch.setattr(recent_contact, "AWAKE_SECONDS", 0)
        services_of(awake.application).worker.recent.note(reached=True)
        assert "asleep" in awake.get(path, headers=BROWSER).text.lower()
        assert worker.requests == []

    def test_a_bot_is_answered(self, client, worker, path):
        assert client.get(path, headers=SLACK).status_code == 200
        assert worker.requests == []


class TestObservation:
    """/status and the badge ask a worker that a client has just used, once a minute."""

    @pytest.mark.parametrize("path", ["/status", "/badge.svg"])
    def test_a_worker_that_is_in_use_is_asked(self, client, worker, path):
        worker.say_to("/generate", 200, RESULT)
        assert client.get("/generate?prompt=a").status_code == 200
        worker.requests.clear()
        for _ in range(5):
            assert "7.4 s" in client.get(path, headers=BROWSER).text
        assert sorted(path for _, path, _, _ in worker.requests) == ["/health", "/models"]

    def test_that_is_no_use_by_which_it_stays_awake(self, awake, worker, monkeypatch):
        contact = services_of(awake.application).worker.recent
        awake_until = contact._awake
        contact._replies = {}
        awake.get("/status", headers=BROWSER)
        assert len(worker.requests) == 2
        assert contact._awake is awake_until

    def test_a_use_meanwhile_is_one(self, awake, worker):
        contact = services_of(awake.application).worker.recent
        awake_until = contact._awake
        with contact.observing():
            thread = threading.Thread(target=contact.note, kwargs={"reached": True})
            thread.start()
            thread.join()
        assert contact._awake is not awake_until

    def test_one_that_has_just_gone_is_not_waited_for(self, awake, worker):
        services_of(awake.application).worker.recent._replies = {}
        worker.close()
        assert "Down" in awake.get("/status", headers=BROWSER).text
        assert not services_of(awake.application).worker.cold_start.in_progress

    @pytest.mark.parametrize("path", ["/status", "/badge.svg"])
    def test_an_outage_is_not_up_though_the_worker_answers(self, client, worker, path):
        worker.say_to("/health", 200, {**GOOD, "ready": False, "engines": {"horde": RESTING}})
        worker.say_to("/generate", 503, {"success": False, "error": "Resting.", "code": "engine_resting"})
        for _ in range(2):
            assert client.get("/generate?prompt=a&cache=false").status_code == 503
            assert "resting" in client.get(path, headers=BROWSER).text.lower()

    @pytest.mark.parametrize("path", ["/status", "/badge.svg"])
    def test_after_a_quiet_minute_both_say_the_same(self, awake, path, monkeypatch):
        monkeypatch.setattr(recent_contact, "RECENT_SECONDS", 0.5)
        contact = services_of(awake.application).worker.recent
        contact.note(reached=True)
        contact._replies = {}
        wait_until(lambda: contact.reached is None, "a quiet minute", 5)
        assert "up" in awake.get(path, headers=JSON).text.lower()

    @pytest.mark.parametrize("path", ["/status", "/badge.svg"])
    def test_one_that_does_not_answer_any_more_is_down(self, awake, worker, path, monkeypatch):
        monkeypatch.setattr(worker_client, "IMPROVING_SECONDS", 0.2)
        monkeypatch.setattr(recent_contact, "RECENT_SECONDS", 0)
        contact = services_of(awake.application).worker.recent
        contact.note(reached=True)
        contact._replies = {}
        release = threading.Event()
        worker.say_to("/models", 200, {"models": []}, before=lambda: release.wait(10))
        assert "down" in awake.get(path, headers=BROWSER).text.lower()
        release.set()

    def test_it_is_up_since_the_same_moment_a_while_later(self, awake):
        replies = services_of(awake.application).worker.recent._replies
        first, health = awake.get("/status", headers=JSON).json["up_since"], replies[WorkerHealth][1]
        replies[WorkerHealth] = Deadline.after(recent_contact.RECENT_SECONDS - 40), health
        later = awake.get("/status", headers=JSON).json["up_since"]
        shift = datetime.fromisoformat(first) - datetime.fromisoformat(later)
        assert 38 <= shift.total_seconds() <= 42  # the same uptime was said so long ago

    @pytest.mark.parametrize(("others", "told"), [({"sketch": READY}, True), ({}, False)])
    def test_engines_that_are_ready_by_name_are_told_of(self, client, worker, others, told):
        tell(client, worker, ready=False, engines={"horde": RESTING, **others})
        assert ("if you choose it as the model" in client.get("/status", headers=BROWSER).text) is told


class TestBadge:
    def test_it_works(self, awake, worker):
        answer = awake.get("/badge.svg")
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert words_of(answer.text) == "pictures: up · 7.4 s"
        assert parsed(answer.text).find("{*}title").text == "pictures: up · 7.4 s"
        assert worker.requests == []

    @pytest.mark.parametrize(
        ("health", "word"),
        [
            ({"ready": False, "engines": {"horde": RESTING}}, "resting"),
            ({"ready": False, "status": "starting", "engines": {"horde": {"state": "starting"}}}, "resting"),
            ({"ready": False, "engines": {"horde": {"state": "down"}}}, "down"),
            ({"engines": {"horde": RESTING, "sketch": {**READY, "median_seconds": 0.04}}}, "up · 0.1 s"),
            ({"engines": {"horde": {"state": "ready", "median_seconds": 61.2}}}, "up · 61 s"),
            ({"engines": {"horde": {"state": "ready"}}}, "up"),
        ],
    )
    def test_it_says_what_the_worker_said(self, client, worker, health, word):
        tell(client, worker, **health)
        assert words_of(client.get("/badge.svg").text) == f"pictures: {word}"

    def test_without_a_word_of_the_worker_s_the_median_is_that_of_the_pictures_made(self, client, worker):
        worker.say_to("/models", 404, {"success": False, "error": "Not found.", "code": "not_found"})
        for seconds in (2, 4, 30):
            worker.say_to("/generate", 200, {**RESULT, "duration_ms": seconds * 1000})
            client.get(f"/generate?prompt={seconds}")
        assert words_of(client.get("/badge.svg").text) == "pictures: up · 4.0 s"

    def test_a_worker_that_was_not_reached_is_down(self, awake, worker):
        worker.close()
        awake.get("/generate?prompt=a")
        assert words_of(awake.get("/badge.svg").text) == "pictures: down"

    def test_without_a_worker_it_is_down(self, client_with):
        client = client_with(perchance_worker_url=None)
        assert words_of(client.get("/badge.svg").text) == "pictures: down"
        assert "Down" in client.get("/status", headers=BROWSER).text

    def test_its_texts_can_be_read(self):
        for color in COLORS.values():
            channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
            linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in channels]
            luminance = sum(weight * it for weight, it in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
            assert 1.05 / (luminance + 0.05) >= 4.5, color


class TestWake:
    def test_a_person_is_led_to_the_status(self, client, worker):
        answer = client.get("/wake", headers=WINDOW)
        assert (answer.status_code, answer.headers["Location"]) == (303, "http://localhost/status")
        assert "Up" in client.get("/status", headers=BROWSER).text

    def test_while_it_starts_the_page_looks_again(self, client_with):
        client = client_with(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=30)
        assert client.get("/wake", headers=WINDOW).status_code == 303
        answer = client.get("/status", headers=BROWSER)
        assert "Waking up" in answer.text
        assert re.search(r"about \d+ seconds", answer.text)
        assert int(answer.headers["Refresh"]) > 0
        assert words_of(client.get("/badge.svg").text) == "pictures: waking"

    @pytest.mark.parametrize(
        ("method", "headers", "status"), [("HEAD", {}, 303), ("GET", {"Sec-Purpose": "prefetch;prerender"}, 503)]
    )
    def test_what_is_no_click_wakes_nothing(self, client, worker, method, headers, status):
        answer = client.open("/wake", method=method, headers={**WINDOW, **headers})
        assert (answer.status_code, worker.requests) == (status, [])

    def test_without_a_worker_the_status_says_so(self, client_with):
        assert client_with(perchance_worker_url=None).get("/wake", headers=WINDOW).status_code == 303

    @pytest.mark.parametrize("headers", [{}, BROWSER, JSON], ids=str)
    def test_every_other_client_gets_json(self, client, headers):
        assert json.loads(client.get("/wake", headers=headers).text)["status"] == "awake"
