"""Malformed pictures and responses of a site: each ends with a clear error, and the next picture is made."""

import pytest

from tests.end_to_end.conftest import running


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ({"download": "bomb"}, 502, "picture_too_large"),
        ({"download": "reset"}, 502, "engine_unreachable"),
        ({"download": "large"}, 502, "picture_wrong_size"),
        ({"download": "compressed"}, 502, "picture_too_large"),
        ({"download": "drip"}, 504, "timeout"),
        ({"download": "error_drip"}, 502, "perchance_unexpected_reply"),
        ({"generate": "reset"}, 502, "engine_unreachable"),
        ({"generate": "half_json"}, 502, "perchance_unexpected_reply"),
        ({"generate": "drip"}, 504, "timeout"),
    ],
    ids=str,
)
def test_the_package_route_ends_it_with_a_clear_error(stack, scenario, status, code):
    stack.play(**scenario)
    response = stack.get(prompt="a tree")
    assert (response.status_code, response.json()["code"]) == (status, code)
    stack.play()
    assert stack.get(prompt="a tree").status_code == 200


@pytest.mark.parametrize(
    ("upload", "status", "code"),
    [
        ("bomb", 502, "picture_too_large"),
        ("large", 502, "picture_wrong_size"),
        ("compressed", 502, "picture_unreadable"),
        ("reset", 502, "picture_broken"),
        ("drip", 504, "timeout"),
    ],
)
def test_the_page_route_ends_it_with_a_clear_error(by_page, upload, status, code):
    by_page.play(upload=upload)
    response = by_page.get(prompt="a tree")
    assert (response.status_code, response.json()["code"]) == (status, code)
    by_page.play()
    assert by_page.get(prompt="a tree").status_code == 200


@pytest.mark.parametrize("how", [{"download": "animated"}, {"upload": "animated"}], ids=str)
def test_of_an_animation_the_first_frame_is_kept(stack, by_page, how):
    whole = stack if "download" in how else by_page
    pixels = []
    for played in ({}, how):
        whole.play(**played)
        response = whole.get(prompt="a tree", seed=7, cache="false")
        assert response.status_code == 200
        image = whole.picture(response.json()["image_url"])
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("PNG", (768, 768), 1)
        pixels.append(image.resize((8, 8)))
    # The second frame is the first upside down; the animation's compression loses a little.
    assert distance(*pixels) < distance(pixels[0], pixels[1].rotate(180)) / 4


@pytest.mark.parametrize("how", [{"download": "turned"}, {"upload": "turned"}], ids=str)
def test_a_picture_on_its_side_is_turned_upright(stack, by_page, how):
    whole = stack if "download" in how else by_page
    pictures = []
    for played in ({}, how):
        whole.play(**played)
        response = whole.get(prompt="a tree", seed=7, shape="portrait", cache="false")
        assert response.status_code == 200, response.text
        assert (response.json()["width"], response.json()["height"]) == (512, 768)
        pictures.append(whole.picture(response.json()["image_url"]))
    assert pictures[1].size == (512, 768)
    upright, turned = (it.resize((8, 12)) for it in pictures)
    assert distance(upright, turned) < distance(upright, turned.rotate(180)) / 10


def distance(one, other) -> int:
    return sum(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


def test_a_full_disk_is_reported_and_the_worker_stays_up(tmp_path):
    def no_large_files():  # test_local_storage.py has a real full disk, mounted
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    with running(tmp_path, ready=False, before_start=no_large_files) as stack:
        for _ in range(3):
            response = stack.get(prompt="a tree", model="sketch")
            assert (response.status_code, response.json()["code"]) == (502, "storage_failed")
            assert "LOCAL_STORAGE_DIR" in response.json()["error"]
        assert list(tmp_path.iterdir()) == []  # and no half of one either
