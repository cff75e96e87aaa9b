"""A render worker with the engines of free accounts: what each refusal becomes for a client of model=auto."""

import pytest
import requests

from tests.fakes.processes import sandbox

PROMPT = {"prompt": "a lighthouse at night"}
FLUX = "black-forest-labs/FLUX.1-schnell"


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture
def worker(site, client_with):
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
    names = ("cloudflare", "huggingface", "horde")
    variables = {**site.pointers(*names), **site.keys(*names), "HORDE_POLL_SECONDS": "0.1"}
    settings = {name.lower(): value for name, value in variables.items()}
    return lambda *engines, **changes: client_with(engines=engines, **{**settings, **changes})


def play(site, **scenario) -> None:
    requests.post(f"{site.url}/sandbox", json={"painted": "beforehand", **scenario}, timeout=5).raise_for_status()


def asked(site, endpoint: str) -> int:
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return sum(entry["endpoint"] == endpoint for entry in log)


def made(client, **fields) -> dict:
    reply = client.post("/generate", json={**PROMPT, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json


def test_it_works(site, worker):
    play(site)
    result = made(worker("cloudflare", "horde"))
    assert (result["engine"], result["width"], result.get("fallback_from")) == ("cloudflare", 1024, None)


def test_the_erratic_filter_lets_the_next_engine_be_asked(site, worker):
    play(site, cloudflare="flagged")
    client = worker("cloudflare", "horde")
    for _ in range(4):  # nor does the circuit breaker count it
        result = made(client)
        assert result["engine"] == "horde"
        assert result["fallback_from"] == [{"engine": "cloudflare", "code": "content_refused"}]
    reply = client.post("/generate", json={**PROMPT, "model": "cloudflare"})
    assert (reply.status_code, reply.json["code"]) == (422, "content_refused")
    assert asked(site, "cloudflare") == 5


def test_a_way_that_costs_is_not_taken_beside_a_budget_that_does_not_count_it(site, worker, tmp_path):
    play(site, huggingface_space="quota")
    changes = {"engine_daily_budget": "huggingface=0.01", "budget_file": str(tmp_path / "b.sqlite3")}
    client = worker("huggingface", huggingface_ways="space,providers", **changes)
    reply = client.post("/generate", json={**PROMPT, "model": "huggingface"})
    assert (reply.status_code, reply.json["code"]) == (500, "engine_not_configured")
    assert "ENGINE_PRICES=huggingface" in reply.json["error"]
    assert asked(site, "huggingface") == asked(site, "huggingface_space") == 0


@pytest.mark.parametrize("code", ["neurons_3036", "neurons_4006"])
def test_without_neurons_it_is_not_asked_again_today(site, worker, code):
    play(site, cloudflare=code)
    client = worker("cloudflare", "horde")
    results = [made(client) for _ in range(2)]
    assert [result["fallback_from"][0]["code"] for result in results] == ["engine_quota_exhausted"] * 2
    refusal = client.post("/generate", json={**PROMPT, "model": "cloudflare"}).json
    assert refusal["hint"].startswith("It comes back by itself")
    assert refusal["retry_after"] <= 86_400
    assert asked(site, "cloudflare") == 1
    health = client.get("/health").json["engines"]["cloudflare"]
    assert (health["state"], health["breaker"]) == ("resting", "open")


def test_each_model_is_a_name_for_clients(site, worker):
    play(site)
    client = worker("cloudflare", cloudflare_model="@cf/black-forest-labs/flux-1-schnell,@cf/lykon/dreamshaper-8-lcm")
    result = made(client, model="cf/lykon/dreamshaper-8-lcm", seed=7)
    assert (result["model"], result["seed"], result["width"]) == ("cf/lykon/dreamshaper-8-lcm", 7, 768)


def test_without_credit_the_space_answers_with_the_size_that_it_makes(site, worker):
    play(site, huggingface="no_credit")
    client = worker("huggingface", "horde")
    for _ in range(2):
        result = made(client, shape="portrait")
        assert (result["engine"], result["width"], result["height"]) == ("huggingface", 832, 1248)
    assert (asked(site, "huggingface"), asked(site, "huggingface_space")) == (1, 2)
    reply = client.post("/generate", json={**PROMPT, "model": FLUX})
    assert (reply.status_code, reply.json["code"]) == (503, "engine_quota_exhausted")
    assert made(client)["engine"] == "huggingface"


def test_without_credit_and_quota_the_next_engine_answers(site, worker):
    play(site, huggingface="no_credit", huggingface_space="quota")
    client = worker("huggingface", "horde")
    for _ in range(2):
        result = made(client)
        assert (result["engine"], result["fallback_from"][0]["code"]) == ("horde", "engine_quota_exhausted")
    assert (asked(site, "huggingface"), asked(site, "huggingface_space")) == (1, 1)
