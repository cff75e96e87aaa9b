"""The sizes that Perchance is asked for by either route, and what its pictures are made to."""

import pytest

SIZES = [
    # asked, the resolution that the site received, received
    ({}, "768x768", (768, 768)),
    ({"shape": "landscape"}, "768x512", (768, 512)),
    ({"shape": "portrait"}, "512x768", (512, 768)),
    ({"aspect_ratio": "16:9"}, "768x512", (768, 432)),
    ({"aspect_ratio": "4:5"}, "512x768", (512, 640)),
    ({"aspect_ratio": "1:4"}, "512x768", (192, 768)),
    ({"size": "512x512"}, "768x768", (512, 512)),
    ({"width": 384, "height": 256}, "768x512", (384, 256)),
    ({"height": 600, "aspect_ratio": "2:3"}, "512x768", (400, 600)),
]


@pytest.mark.parametrize(("fields", "resolution", "received"), SIZES)
def test_the_package_is_asked_for_the_shape_of_the_planned_size(stack, fields, resolution, received):
    body = stack.get(prompt="a tree", model="perchance", **fields).json()
    assert stack.requests_to("generate")[-1]["body"]["resolution"] == resolution
    assert stack.picture(body["image_url"]).size == (body["width"], body["height"]) == received


@pytest.mark.parametrize(("fields", "resolution", "received"), SIZES)
def test_the_page_is_asked_for_the_planned_size(by_page, fields, resolution, received):
    body = by_page.get(prompt="a tree", model="perchance", **fields).json()
    assert by_page.requests_to("make")[-1]["body"]["resolution"] == resolution
    assert by_page.picture(body["image_url"]).size == (body["width"], body["height"]) == received


@pytest.mark.parametrize("size", ["1024x1024", "768x776", "512x1024"])
def test_a_size_that_no_larger_one_gives_is_refused(by_page, size):
    response = by_page.get(prompt="a tree", model="perchance", size=size)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert "size" in response.json()["error"]
    assert by_page.requests_to("make") == []
