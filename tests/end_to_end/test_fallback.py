"""Fallback: if Perchance fails, another engine makes the picture within the same request."""

import json

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack, reset, running
from tests.fakes.processes import api, wait_until

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory):
    settings = {"ENGINES": "perchance,horde", "PERCHANCE_ROUTES": "package", "QUEUE_SIZE": 20}
    with running(tmp_path_factory.mktemp("images"), **settings) as stack:
        yield stack


@pytest.fixture
def stack(two_engines):
    return reset(two_engines)


def test_without_failures_the_first_candidate_makes_the_picture(stack):
    body = stack.get(prompt="a tree").json()
    assert (body["engine"], "fallback_from" in body) == ("perchance", False)
    assert stack.requests_to("horde") == []


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
def test_whatever_perchance_refuses_horde_is_the_fallback_and_the_response_says_so(stack, word, code):
    stack.play(generate=word)
    response = stack.get(
        prompt="a red boat", seed=7, shape="landscape", negative_prompt="fog", guidance_scale=4, cache="false"
    )
    body = response.json()
    assert (response.status_code, body["engine"], body["model"]) == (200, "horde", "auto")
    assert body["fallback_from"] == [{"engine": "perchance", "code": code}]
    assert (body["seed"], body["guidance_scale"], body["engine_model"]) == (7, 4.0, "stable_diffusion")
    image = stack.picture(body["image_url"])
    assert (image.size, image.text["engine"], image.text["prompt"]) == ((768, 512), "horde", "a red boat")
    sent = stack.requests_to("horde")[-1]["body"]
    assert sent["prompt"] == "a red boat ### fog"


def test_an_image_tag_gets_the_picture_of_the_fallback(stack):
    stack.play(generate="challenge")
    response = stack.get(prompt="a tree", headers={"Accept": "image/png"})
    assert (response.status_code, response.json()["engine"]) == (302, "horde")


def test_the_other_families_fall_back_too(stack):
    stack.play(generate="challenge")
    styled = requests.post(f"{stack.api.url}/v1/images/generate", json={"prompt": "a fallback"}, timeout=30).json()
    assert styled["engine"] == "horde"
    assert styled["fallback_from"][0]["engine"] == "perchance"
    body = {"prompt": "a fallback", "n": 2}
    pictured = requests.post(f"{stack.api.url}/v1/images/generations", json=body, timeout=30).json()
    assert {it["engine"] for it in pictured["data"]} == {"horde"}


def test_a_named_model_never_falls_back(stack):
    stack.play(generate="challenge")
    response = stack.get(prompt="a tree", model="perchance")
    assert (response.status_code, response.json()["code"]) == (503, "perchance_verification_required")
    assert stack.requests_to("horde") == []
    assert stack.get(prompt="a tree", model="horde").json()["engine"] == "horde"


def test_refused_content_is_reported_without_a_further_attempt(stack):
    stack.play(generate="challenge", horde="censored")
    response = stack.get(prompt="a tree")
    assert (response.status_code, response.json()["code"]) == (422, "content_refused")
    assert response.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]


def test_if_every_candidate_fails_the_error_lists_every_reason(stack):
    stack.play(generate="challenge", horde="html_502")
    response = stack.get(prompt="a tree")
    assert (response.status_code, response.json()["code"]) == (503, "engine_busy")
    assert response.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]
    assert int(response.headers["Retry-After"]) == response.json()["retry_after"]


def test_progress_names_the_next_candidate_and_the_position_in_its_queue(stack):
    stack.play(generate="gen_failure", delay=1)
    with requests.get(
        f"{stack.api.url}/generate?prompt=a%20tree", headers={"Accept": "text/event-stream"}, stream=True, timeout=30
    ) as response:
        lines = [line[5:] for line in response.text.splitlines() if line.startswith("data:")]
    news = [json.loads(line) for line in lines]
    messages = [it.get("message", "") for it in news]
    assert "perchance cannot make it now (perchance_generation_failed); asking horde." in messages
    queued = next(it for it in news if it.get("phase") == "queued")
    assert (queued["position"], queued["expected_seconds"]) == (3, 1)
    assert news[-1]["engine"] == "horde"


def test_a_timeout_of_the_last_candidate_lists_the_attempt_before_it(stack):
    stack.play(generate="challenge", horde="stuck")
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, REQUEST_TIMEOUT_SECONDS=4) as front:
        response = Stack(stack.sandbox, stack.worker, front).get(prompt="a tree")
    assert (response.status_code, response.json()["code"]) == (504, "timeout")
    assert response.json()["fallback_from"] == [{"engine": "perchance", "code": "perchance_verification_required"}]


def test_the_deadline_cancels_the_request_at_horde(stack):
    stack.play(generate="challenge", horde="stuck")
    body = {"prompt": "a tree", "timeout_seconds": 3}
    response = requests.post(f"{stack.worker.url}/generate", json=body, headers=AUTHORIZED, timeout=10)
    assert (response.status_code, response.json()["code"]) == (504, "timeout")
    wait_until(lambda: stack.requests_to("horde_cancel"), "the request's end at AI Horde")


def test_within_selects_the_candidate_that_is_fast_enough(tmp_path):
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


def test_models_and_metrics_report_the_state_of_each_engine(tmp_path):
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
        assert len(stack.requests_to("horde")) == 2
        wait_until(lambda: stack.get("/ready").status_code == 503, "the end of what was kept of its readiness")
