"""The recipes beside the pictures of the local folder: kept beyond an eviction, bounded, and told to no stranger."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from render_worker.contract import Recipe
from render_worker.settings import Settings
from render_worker.storages.local.recipes import FILE_NAME, KeptRecipes
from render_worker.storages.local.storage import LocalStorage
from tests.fakes.local_folder import letters_in, picture, save

RECIPE = Recipe(prompt="a tree é", seed=7, shape="portrait", output_format="webp", negative_prompt="fog")


def name_of(number: int) -> str:
    return f"{number:064x}.png"


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(Settings(local_storage_dir=tmp_path / "images", local_storage_mb=1))


@pytest.fixture
def recipes(tmp_path):
    return KeptRecipes(tmp_path, 512 * 1024)


def test_it_works(storage):
    save(storage, dataclasses.replace(picture("a"), recipe=RECIPE))
    assert storage._recipes.find(picture("a").name) == RECIPE
    assert storage._recipes.find(picture("b").name) is None


def test_it_outlives_the_file_s_eviction(storage):
    for letter in "abcd":
        save(storage, dataclasses.replace(picture(letter), recipe=RECIPE))
    assert "a" not in letters_in(storage)
    assert storage._recipes.find(picture("a").name) == RECIPE


def test_it_takes_no_picture_s_room(storage):
    for letter in "abc":
        save(storage, dataclasses.replace(picture(letter), recipe=Recipe(prompt="x" * 2000)))
    assert letters_in(storage) == {"a", "b", "c", "."}


def test_it_is_readable_by_its_owner_alone(recipes, tmp_path):
    recipes.save(name_of(1), RECIPE, cheap=False)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_its_size_is_bounded_and_cheap_ones_go_first(recipes, tmp_path):
    for number in range(600):
        recipes.save(name_of(number), Recipe(prompt="x" * 1500), cheap=200 <= number < 400)
    assert (tmp_path / FILE_NAME).stat().st_size <= 512 * 1024
    kept = [number for number in range(600) if recipes.find(name_of(number))]
    assert kept[-1] == 599
    assert not [number for number in kept if 200 <= number < 400]
    assert len(kept) > 150


def test_the_newest_recipe_of_a_picture_counts(recipes):
    for seed in (1, 2):
        recipes.save(name_of(1), Recipe(prompt="a", seed=seed), cheap=False)
    assert recipes.find(name_of(1)).seed == 2


def test_processes_and_threads_may_save_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda it: KeptRecipes(tmp_path, 10**6).save(name_of(it), RECIPE, cheap=False), range(80)))
    assert all(KeptRecipes(tmp_path, 10**6).find(name_of(it)) for it in range(80))


@pytest.mark.parametrize("content", [b"rubbish" * 1000, b"SQLite format 3\0" + b"\xff" * 5000, b""])
def test_a_broken_file_begins_anew(recipes, tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    assert recipes.find(name_of(1)) is None
    recipes.save(name_of(1), RECIPE, cheap=False)
    assert recipes.find(name_of(1)) == RECIPE


def test_a_recipe_of_another_version_is_none(recipes):
    newer = RECIPE.model_copy(update={"shape": "a new one"})
    recipes.save(name_of(1), newer, cheap=False)
    assert recipes.find(name_of(1)) is None


def test_where_it_cannot_be_kept_the_picture_is(storage, caplog):
    storage.folder.mkdir()
    (storage.folder / FILE_NAME).mkdir()
    save(storage, dataclasses.replace(picture("a"), recipe=RECIPE))
    assert "a" in letters_in(storage)
    assert "recipe was not kept" in caplog.text


def test_what_is_made_is_kept_with_the_seed_that_was_used(client):
    made = client.post("/generate", json={"prompt": "a red boat", "model": "sketch", "output_format": "webp"}).json
    kept = client.get(made["image_url"].replace("images", "recipes")).json
    assert (kept["seed"], kept["prompt"], kept["model"], kept["output_format"]) == (
        made["seed"],
        "a red boat",
        "sketch",
        "webp",
    )
    again = client.post("/generate", json=kept).json
    assert again["image_url"] == made["image_url"]


@pytest.mark.parametrize(
    ("hosts", "token", "sent", "status"),
    [
        (("127.0.0.1",), None, None, 200),
        (("0.0.0.0",), None, None, 404),
        (("0.0.0.0",), "a-token-of-16-characters", "a-token-of-16-characters", 200),
        (("0.0.0.0",), "a-token-of-16-characters", "another", 401),
    ],
)
def test_a_stranger_gets_no_recipe(client_with, storage, hosts, token, sent, status):
    save(storage, dataclasses.replace(picture("a"), recipe=RECIPE))
    client = client_with(hosts, worker_token=token)
    headers = {"Authorization": f"Bearer {sent}"} if sent else {}
    answer = client.get(f"/recipes/{picture('a').name}", headers=headers)
    assert (answer.status_code, "tree" in answer.text) == (status, status == 200)


@pytest.mark.parametrize("name", [FILE_NAME, "a" * 64, "A" * 64 + ".png", picture("b").name])
def test_no_other_name_has_one(client, storage, name):
    save(storage, dataclasses.replace(picture("a"), recipe=RECIPE))
    assert client.get(f"/recipes/{name}").status_code == 404
    assert client.get(f"/images/{name}").status_code == 404
