"""When Perchance says no, another engine answers within the same request, and the answer says so."""

import json

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack, running, well
from tests.fakes.processes import api, wait_until

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory):
    settings = {"ENGINES": "perchance,horde", "PERCHANCE_ROUTES": "package", "QUEUE_SIZE": 20}
    with running(tmp_path_factory.mktemp("images"), **settings) as stack:
        yield stack


@pytest.fixture
def stack(two_engines):
    return well(two_engines)


def test_all_is_well_and_the_first_answers(stack):
    body = stack.get(prompt="a tree").json()
    assert (body["engine"], "fallback_from" in body) == ("perchance", False)
    assert stack.asked("horde") == []


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("challenge", "perchance_verification_required"),
        ("failed_verification", "perchance_verification_required"),
        ("too_many_requests", "perchance_rate_limited"),
        ("gen_failure", "perchance_generation_failed"),
        ("client_update_required", "perchance_client_outdated"),
        ("network_busy", "perchance_busy"),
        ("html", "perchance_unexpected_reply"),
        ("hang", "timeout"),
    ],
)
def test_whatever_perchance_refuses_horde_answers_and_says_so(stack, word, code):
    stack.play(generate=word)
    answer = stack.get(
        prompt="a red boat", seed=7, shape="landscape", negative_prompt="fog", guidance_scale=4, cache="false"
    )
    body = answer.json()
    assert (answer.status_code, body["engine"], body["model"]) == (200, "horde", "auto")
    assert body["fallback_from"] == [{"engine": "perchance", "code": code}]
    assert (body["seed"], body["guidance_scale"], body["engine_model"]) == (7, 4.0, "stable_diffusion")
    image = stack.picture(body["image_url"])
    assert (image.size, image.text["engine"], image.text["prompt"]) == ((768, 512), "horde", "a red boat")
    wish = stack.asked("horde")[-1]["body"]
    assert wish["prompt"] == "a red boat ### fog"


def test_an_image_tag_gets_the_other_engines_picture(stack):
    stack.play(generate="challenge")
    answer = stack.get(prompt="a tree", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["engine"]) == (302, "horde")


def test_the_other_families_answer_too(stack):
    stack.play(generate="challenge")
    styled = requests.post(f"{stack.api.url}/v1/images/generate", json={"prompt": "a fallback"}, timeout=30).json()
    assert styled["engine"] == "horde"
    assert styled["fallback_from"][0]["engine"] == "perchance"
    asked = {"prompt": "a fallback", "n": 2}
    pictured = requests.post(f"{stack.api.url}/v1/images/generations", json=asked, timeout=30).json()
    assert {it["engine"] for it in pictured["data"]} == {"horde"}


def test_a_named_model_never_falls_back(stack):
    stack.play(generate="challenge")
    answer = stack.get(prompt="a tree", model="perchance")
    assert (answer.status_code, answer.json()["code"]) == (503, "perchance_verification_required")
    assert stack.asked("horde") == []
    assert stack.get(prompt="a tree", model="horde").json()["engine"] == "horde"


def test_a_refused_content_is_told_and_goes_nowhere_else(stack):
    stack.play(generate="challenge", horde="censored")
    answer = stack.get(prompt="a tree")
    assert (answer.status_code, answer.json()["code"]) == (422, "content_refused")
    assert answer.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]


def test_where_nobody_can_every_reason_is_told(stack):
    stack.play(generate="challenge", horde="html_502")
    answer = stack.get(prompt="a tree")
    assert (answer.status_code, answer.json()["code"]) == (503, "engine_busy")
    assert answer.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after"]


def test_the_news_tell_who_is_asked_next_and_of_the_queue_there(stack):
    stack.play(generate="gen_failure", delay=1)
    with requests.get(
        f"{stack.api.url}/generate?prompt=a%20tree", headers={"Accept": "text/event-stream"}, stream=True, timeout=30
    ) as answer:
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
    news = [json.loads(line) for line in lines]
    messages = [it.get("message", "") for it in news]
    assert "perchance cannot make it now (perchance_generation_failed); asking horde." in messages
    queued = next(it for it in news if it.get("phase") == "queued")
    assert (queued["position"], queued["expected_seconds"]) == (3, 1)
    assert news[-1]["engine"] == "horde"


def test_the_deadline_in_the_last_one_tells_of_the_one_before(stack):
    stack.play(generate="challenge", horde="stuck")
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, REQUEST_TIMEOUT_SECONDS=4) as front:
        told = Stack(stack.sandbox, stack.worker, front).get(prompt="a tree")
    assert (told.status_code, told.json()["code"]) == (504, "timeout")
    assert told.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]


def test_the_deadline_takes_the_request_back_from_horde(stack):
    stack.play(generate="challenge", horde="stuck")
    body = {"prompt": "a tree", "timeout_seconds": 3}
    answer = requests.post(f"{stack.worker.url}/generate", json=body, headers=AUTHORIZED, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    wait_until(lambda: stack.asked("horde_cancel"), "the request's end at AI Horde")


def test_within_asks_the_one_that_is_fast_enough(tmp_path):
    with running(tmp_path, ENGINES="perchance,horde", PERCHANCE_ROUTES="package") as stack:
        stack.play(delay=1.5)
        assert stack.get(prompt="a tree").json()["engine"] == "perchance"
        stack.play()
        assert stack.get(prompt="a tree", model="horde").json()["engine"] == "horde"
        body = stack.get(prompt="a tree", within=1.4).json()
        assert (body["engine"], body["expected_seconds"]) == ("horde", 1)
        assert body["fallback_from"] == [{"engine": "perchance", "code": "too_slow"}]
        refused = stack.get(prompt="a tree", within=0.1)
        assert (refused.status_code, refused.json()["code"], refused.json()["expected_seconds"]) == (503, "too_slow", 1)
        assert stack.get(prompt="a tree", within=5, model="horde").json()["code"] == "invalid_parameter"


def test_models_and_metrics_tell_who_is_up(tmp_path):
    settings = {"ENGINES": "perchance,horde,replicate", "PERCHANCE_ROUTES": "package", "PERCHANCE_REST_SECONDS": 60}
    with running(tmp_path, **{**settings, "ENGINE_FAILURES": 2}) as stack:
        stack.play(generate="challenge", horde="html_502")
        assert [stack.get(prompt="a tree").json()["code"] for _ in range(2)] == ["engine_busy"] * 2
        models = {it["name"]: it for it in stack.get("/models", headers=AUTHORIZED).json()["models"]}
        assert (models["perchance"]["state"], models["horde"]["state"]) == ("resting", "resting")
        assert "human check" in models["perchance"]["reason"]
        assert (models["replicate"]["state"], models["sketch"]["state"]) == ("down", "ready")
        assert "REPLICATE_API_TOKEN" in models["replicate"]["reason"]
        engines = stack.worker_health()["engines"]
        assert (engines["horde"]["breaker"], engines["perchance"]["breaker"]) == ("open", "open")
        text = requests.get(f"{stack.worker.url}/metrics", headers=AUTHORIZED, timeout=5).text
        assert 'render_worker_engine_breaker{engine="horde",state="open"} 1.0' in text
        assert 'render_worker_engine_ready{engine="perchance"} 0.0' in text
        assert 'render_worker_engine_failures_total{code="engine_busy",engine="horde"} 2.0' in text
        assert requests.get(f"{stack.worker.url}/metrics", timeout=5).status_code == 401
        stopped = stack.get(prompt="a tree")
        codes = {stopped.json()["code"], *(it["code"] for it in stopped.json()["fallback_from"])}
        resting = {"perchance_verification_required", "engine_resting", "engine_not_configured"}
        assert (stopped.status_code, codes) == (503, resting)
        assert len(stack.asked("horde")) == 2
        wait_until(lambda: stack.get("/ready").status_code == 503, "the end of what was kept of its readiness")
