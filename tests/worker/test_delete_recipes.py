"""What the delete command leaves of a picture's recipe, and of a picture that is lost already."""

import asyncio
import dataclasses
import sqlite3

from render_worker.contract import Recipe
from render_worker.picture import Picture
from render_worker.storages.local.recipes import FILE_NAME

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)


def save(storage, picture: Picture = PICTURE) -> None:
    asyncio.run(storage.save(picture))


def test_one_that_is_lost_is_not_made_again_either(command, client, local):
    assert command(PICTURE.name) == (1, [f"{PICTURE.name}  local: not there"])
    assert client.get(f"/images/{PICTURE.name}").status_code == 410


def test_its_recipe_is_erased_with_it(command, client, local):
    prompt = "a secret of the client's"
    save(local, dataclasses.replace(PICTURE, recipe=Recipe(prompt=prompt)))
    assert client.get(f"/recipes/{PICTURE.name}").json["prompt"] == prompt
    assert command(PICTURE.name)[0] == 0
    assert client.get(f"/recipes/{PICTURE.name}").status_code == 404
    assert prompt.encode() not in (local.folder / FILE_NAME).read_bytes()


def test_a_recipe_without_its_file_is_deleted_too(command, client, local):
    save(local, dataclasses.replace(PICTURE, recipe=Recipe(prompt="a tree")))
    (local.folder / PICTURE.name).unlink()
    assert command(PICTURE.name) == (0, [f"{PICTURE.name}  local: deleted"])
    assert [client.get(f"/{path}/{PICTURE.name}").status_code for path in ("recipes", "images")] == [404, 410]


def test_a_recipe_that_cannot_be_erased_is_a_failure(command, local):
    save(local, dataclasses.replace(PICTURE, recipe=Recipe(prompt="a tree")))
    with sqlite3.connect(local.folder / FILE_NAME) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, lines = command(PICTURE.name)
        other.rollback()
    other.close()
    assert (code, FILE_NAME in lines[0]) == (2, True)
