"""The sizes that the engine `horde` asks AI Horde for, and what its pictures are made to."""

import pytest
import requests

from render_worker.contract import GenerateRequest
from render_worker.imaging import to_picture
from tests.fakes.at_horde import asked, engine, make

SIZES = [
    # asked, what AI Horde was asked for, received
    ({}, (768, 768), (768, 768)),
    ({"shape": "portrait"}, (512, 768), (512, 768)),
    ({"shape": "landscape"}, (768, 512), (768, 512)),
    ({"aspect_ratio": "16:9"}, (1024, 576), (1024, 576)),
    ({"aspect_ratio": "1:4"}, (512, 2048), (512, 2048)),
    ({"aspect_ratio": "3:2"}, (768, 512), (768, 512)),
    ({"width": 1024, "height": 1024}, (1024, 1024), (1024, 1024)),
    ({"width": 1000, "height": 1000}, (1024, 1024), (1000, 1000)),
    ({"width": 1920, "height": 1080}, (1920, 1088), (1920, 1080)),
    ({"width": 3072, "height": 768}, (3072, 768), (3072, 768)),
    ({"width": 256, "height": 256}, (512, 512), (256, 256)),
    ({"width": 64, "height": 256}, (512, 2048), (64, 256)),
    ({"width": 512, "height": 520}, (576, 576), (512, 520)),
    ({"width": 1280, "aspect_ratio": "16:9"}, (1344, 768), (1280, 720)),
]
TOO_LARGE = [
    ({"width": 3080, "height": 1024}, ["width", "height"]),
    ({"width": 1024, "height": 4096}, ["width", "height"]),
    ({"width": 4096, "aspect_ratio": "1:1"}, ["width"]),
]


def recipe_of(**fields):
    return GenerateRequest.parse({"prompt": "a tree", **fields}.items())


@pytest.mark.parametrize(("fields", "sent", "received"), SIZES)
def test_each_size_is_asked_for_in_multiples_of_64(site, fields, sent, received):
    recipe = recipe_of(**fields)
    assert engine(site).cannot_honour(recipe) == []
    picture = to_picture(make(site, recipe=recipe).data, engine(site).plan(recipe), {}, "jpeg", size_required=True)
    params = asked(site, "horde")[-1]["body"]["params"]
    assert (params["width"], params["height"]) == sent
    assert (picture.width, picture.height) == received


@pytest.mark.parametrize(("fields", "refused"), TOO_LARGE)
def test_a_size_above_the_service_s_is_named(site, fields, refused):
    assert engine(site).cannot_honour(recipe_of(**fields)) == refused


@pytest.mark.parametrize("sides", [(768, 700), (32, 768), (768, 3136), (0, 768)])
def test_the_stand_in_refuses_what_the_service_does(site, sides):
    body = {"prompt": "a tree", "params": {"width": sides[0], "height": sides[1]}}
    reply = requests.post(f"{site.url}/api/v2/generate/async", json=body, headers={"apikey": "0000000000"}, timeout=5)
    assert reply.status_code == 400
