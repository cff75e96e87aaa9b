"""Every picture heals: one of a random seed too, made by any route, and after a restart by the worker's recipe."""

import time

import pytest

from image_api.generation import recipes
from render_worker.contract import MAX_SEED, Recipe
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.redis_server import RedisServer

LOST = f"/images/{NAME}"
NEW = "/images/" + "b" * 64 + ".png"
NEWER = "/images/" + "c" * 64 + ".png"
ROUTES = {
    "GET": lambda client: client.get("/generate?prompt=a+tree"),
    "POST": lambda client: client.post("/generate", json={"prompt": "a tree", "output_format": "webp"}),
    "redirect": lambda client: client.get("/generate?prompt=a+tree&format=redirect"),
    "stream": lambda client: client.get("/generate?prompt=a+tree", headers={"Accept": "text/event-stream"}).data,
    "styled": lambda client: client.post("/v1/images/generate", json={"prompt": "a tree", "style": "anime"}),
    "openai": lambda client: client.post("/v1/images/generations", json={"prompt": "a tree", "n": 1}),
    "uncached": lambda client: client.get("/generate?prompt=a+tree&cache=false&seed=7"),
}


def lose(worker, address: str = LOST, made: str = NEW, **changes: object) -> None:
    """Lose the file at an address; what is made from now on is at another."""
    worker.say_to(address, 404, b"{}")
    worker.say_to("/generate", 200, {**RESULT, "image_url": made, **changes})
    worker.say_to(made, 200, PICTURE)


@pytest.fixture(params=["memory", "redis"])
def any_client(request, client_with):
    if request.param == "memory":
        yield client_with()
        return
    with RedisServer() as server:
        yield client_with(redis_url=server.url)


@pytest.mark.parametrize("made", ROUTES.values(), ids=ROUTES)
def test_it_is_made_again_with_the_seed_that_was_used(client, worker, made):
    made(client)
    lose(worker)
    assert client.get(LOST).headers["Location"].endswith(NEW)
    first, again = worker.asked_to_make()
    assert again["seed"] == RESULT["seed"]
    differing = {"seed", "request_id", "timeout_seconds"}
    assert {**first, **dict.fromkeys(differing)} == {**again, **dict.fromkeys(differing)}


def test_head_of_a_lost_picture_is_that_of_what_get_will_return(client, worker):
    client.get("/generate?prompt=a+tree")
    lose(worker)
    foreseen = client.head(LOST)
    assert (foreseen.status_code, foreseen.mimetype, foreseen.content_length) == (200, "image/png", None)
    assert len(worker.asked_to_make()) == 1
    worker.say_to("/images/f", 404, b"{}")
    unknown = client.head("/images/" + "f" * 64 + ".png")
    assert (unknown.status_code, unknown.mimetype) == (404, "application/json")


def test_head_of_a_replaced_picture_redirects_as_get_does(client, worker):
    client.get("/generate?prompt=a+tree")
    lose(worker)
    got = client.get(LOST)
    head = client.head(LOST)
    assert (head.status_code, head.location) == (got.status_code, got.location) == (302, f"http://localhost{NEW}")


def test_one_that_is_lost_again_at_once_is_not_gone_for_good(client, worker):
    client.get("/generate?prompt=a+tree")
    lose(worker, made=LOST)
    worker.say_to(LOST, 404, b"{}")
    client.get(LOST)
    again = client.get(LOST)
    assert (again.status_code, again.json["code"], again.headers["Retry-After"]) == (503, "picture_unavailable", "60")


def test_the_old_address_leads_to_the_new_one_from_then_on(any_client, worker, monkeypatch):
    monkeypatch.setattr("image_api.generation.regeneration.REGENERATION_TTL_SECONDS", 0.1)
    any_client.get("/generate?prompt=a+tree")
    lose(worker, seed=None)
    for _ in range(3):
        assert any_client.get(LOST).headers["Location"].endswith(NEW)
        time.sleep(0.15)
    assert any_client.get(NEW).data == PICTURE
    assert len(worker.asked_to_make()) == 2


def test_it_leads_to_the_newest_if_that_one_is_lost_too(any_client, worker, monkeypatch):
    monkeypatch.setattr("image_api.generation.regeneration.REGENERATION_TTL_SECONDS", 0.1)
    any_client.get("/generate?prompt=a+tree")
    lose(worker, seed=None)
    any_client.get(LOST)
    time.sleep(0.15)
    lose(worker, NEW, made=NEWER)
    assert any_client.get(NEW).headers["Location"].endswith(NEWER)
    assert any_client.get(LOST).headers["Location"].endswith(NEWER)
    assert len(worker.asked_to_make()) == 3


def test_two_that_replaced_each_other_are_no_circle(client, worker, monkeypatch):
    monkeypatch.setattr("image_api.generation.regeneration.REGENERATION_TTL_SECONDS", 0.1)
    client.get("/generate?prompt=a+tree")
    lose(worker, seed=None)
    client.get(LOST)
    time.sleep(0.15)
    lose(worker, NEW, made=LOST, seed=None)
    assert client.get(NEW).headers["Location"].endswith(LOST)
    assert client.get(LOST).data == PICTURE
    time.sleep(0.15)
    lose(worker, made=NEWER)
    assert client.get(LOST).headers["Location"].endswith(NEWER)


def test_one_that_is_made_as_it_was_has_its_address(client, worker):
    client.get("/generate?prompt=a+tree")
    worker.say(200, RESULT, before=lambda: worker.say_to(LOST, 200, PICTURE) if worker.requests[-1][0] == "POST" else 0)
    worker.say_to(LOST, 404, b"{}")
    assert client.get(LOST).data == PICTURE
    assert len(worker.asked_to_make()) == 2


def test_two_random_pictures_of_one_prompt_heal_each_by_its_own_seed(client, worker):
    client.get("/generate?prompt=a+tree")
    worker.say_to("/generate", 200, {**RESULT, "image_url": NEW, "seed": 8})
    client.get("/generate?prompt=a+tree")
    for address in (LOST, NEW):
        lose(worker, address, made=NEWER)
        client.get(address)
    assert [it["seed"] for it in worker.asked_to_make()] == [-1, -1, 7, 8]


@pytest.mark.parametrize("seed", [None, -1, MAX_SEED + 1])
def test_without_a_seed_that_can_be_asked_for_it_is_random_again(client, worker, seed):
    worker.say(200, {**RESULT, "seed": seed})
    client.get("/generate?prompt=a+tree")
    lose(worker, seed=seed)
    assert client.get(LOST).status_code == 302
    assert [it["seed"] for it in worker.asked_to_make()] == [-1, -1]
    assert client.get("/generate?prompt=a+tree").headers["X-Cache"] == "MISS"


def test_what_shares_a_cached_result_without_a_seed_gets_the_healed_one(client, worker):
    ask = {"prompt": "a tree"}
    client.post("/v1/images/generate", json=ask)
    lose(worker, ignored=["seed"])
    client.get(LOST)
    answer = client.post("/v1/images/generate", json=ask)
    assert (answer.json["from_cache"], answer.json["image_url"].endswith(NEW)) == (True, True)
    assert "ignored" not in answer.json  # no client asked for a seed
    assert len(worker.asked_to_make()) == 2


def test_without_a_cache_of_results_it_heals_too(client_with, worker):
    client = client_with(cache_expiration_hours=0)
    client.get("/generate?prompt=a+tree&seed=7")
    lose(worker)
    assert [client.get(LOST).headers["Location"].endswith(NEW) for _ in range(2)] == [True] * 2
    assert len(worker.asked_to_make()) == 2


def test_head_makes_nothing(client, worker):
    client.get("/generate?prompt=a+tree")
    lose(worker)
    assert client.head(LOST).status_code == 200
    assert len(worker.asked_to_make()) == 1


def test_after_a_restart_the_worker_s_recipe_is_used(client, worker):
    kept = Recipe(prompt="a tree", seed=7, output_format="webp", negative_prompt="fog")
    lose(worker)
    worker.say_to("/recipes/", 200, kept.model_dump(exclude_none=True))
    assert [client.get(LOST).headers["Location"].endswith(NEW) for _ in range(3)] == [True] * 3
    (asked,) = worker.asked_to_make()
    assert {name: asked[name] for name in ("prompt", "seed", "output_format", "negative_prompt")} == {
        "prompt": "a tree",
        "seed": 7,
        "output_format": "webp",
        "negative_prompt": "fog",
    }


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"success": False, "error": "Not Found.", "code": "not_found"}),  # as an older worker answers
        (200, {}),
        (200, b"no JSON"),
        (200, {"prompt": "x" * 2001}),
        (200, {"prompt": "a\u0000b"}),
        (200, {"prompt": "a", "seed": "7"}),
        (200, {"prompt": "a", "model": "../health"}),
        (200, {"prompt": "a", "output_format": "exe"}),
        (200, {"prompt": "a", "of_a_newer_version": True}),
        (200, b'{"prompt": "a"}' + b" " * 2_000_000),
        (500, {"success": False, "error": "No.", "code": "internal_error"}),
        (302, b""),
    ],
)
def test_an_invalid_recipe_makes_nothing(client, worker, status, body):
    lose(worker)
    worker.say_to("/recipes/", status, body)
    answer = client.get(LOST)
    assert answer.status_code in (404, 503)
    assert worker.asked_to_make() == []


def test_one_whose_model_is_no_longer_there_is_gone(client, worker):
    client.get("/generate?prompt=a+tree&model=horde")
    lose(worker)
    refusal = {"success": False, "error": "model must be one of auto, sketch.", "code": "invalid_parameter"}
    worker.say_to("/generate", 400, refusal)
    answers = [client.get(LOST) for _ in range(3)]
    assert [(it.status_code, it.json["code"]) for it in answers] == [(404, "not_found")] * 3
    assert len(worker.asked_to_make()) == 2


def test_invented_addresses_make_nothing(client, worker):
    client.get("/generate?prompt=a+tree")
    worker.say_to("/images/", 404, b"{}")
    worker.say_to("/recipes/", 404, b"{}")
    assert {client.get(f"/images/{number:064x}.png").status_code for number in range(20)} == {404}
    assert len(worker.asked_to_make()) == 1


def test_one_that_was_deleted_is_forgotten_here_too(client, worker):
    client.get("/generate?prompt=a+tree")
    worker.say_to(LOST, 410, {"success": False, "error": "Deleted.", "code": "picture_deleted"})
    assert client.get(LOST).status_code == 410
    lose(worker)
    worker.say_to("/recipes/", 404, b"{}")
    assert client.get(LOST).status_code == 404
    assert len(worker.asked_to_make()) == 1


def test_a_flood_of_random_pictures_evicts_no_cached_result(client, worker, monkeypatch):
    monkeypatch.setattr(recipes, "USED_RECIPES", recipes.Kind("img_recipe_used:{}", 20_000))
    client.get("/generate?prompt=a+tree&seed=7")
    for number in range(60):
        worker.say_to("/generate", 200, {**RESULT, "image_url": f"/images/{number:064x}.png"})
        client.get(f"/generate?prompt={number}")
    assert client.get("/generate?prompt=a+tree&seed=7").headers["X-Cache"] == "HIT"
    lose(worker)
    assert client.get(LOST).status_code == 302


def test_an_older_process_on_the_same_redis_finds_what_it_knows(client_with, worker):
    """It reads the recipes of seeded pictures, and fails at none that it does not know."""
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        client.get("/generate?prompt=a+tree&seed=7")
        client.get("/generate?prompt=a+bird")
        kinds = sorted(key.decode().partition(":")[0] for key in server.client.keys("*"))
        (recipe,) = server.client.keys("img_recipe:*")
        assert Recipe.model_validate_json(server.client.get(recipe)) == Recipe(prompt="a tree", seed=7)
    assert kinds == ["img_cache", "img_page", "img_recipe", "img_recipe_used"]
