"""The file's format, as a client chooses it, through both tiers."""

import hashlib
import io
import json

import pytest
import requests
from PIL import Image

from sandbox.pictures import jpeg
from tests.end_to_end.conftest import running
from tests.worker.imaging.kept_files import scans


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_it_works(stack, output_format):
    response = stack.get(prompt="ต้นไม้", seed=5, output_format=output_format).json()
    picture = requests.get(response["image_url"], timeout=30)
    assert picture.headers["Content-Type"] == response["content_type"] == f"image/{output_format}"
    image = Image.open(io.BytesIO(picture.content))
    assert (image.format, image.size) == (output_format.upper(), (768, 768))
    recipe = json.loads(image.getexif()[0x010E])
    assert (recipe["prompt"], recipe["seed"], recipe["engine"]) == ("ต้นไม้", "5", "perchance")


def test_a_jpeg_is_the_site_s_own_with_the_recipe_added(stack):
    response = stack.get(prompt="a red boat", seed=5, output_format="jpeg").json()
    stored = requests.get(response["image_url"], timeout=30).content
    sent = jpeg("a red boat", "", 5, 7.0, (768, 768))
    assert scans(stored) == scans(sent)
    assert len(stored) < len(sent) + 1000
    assert response["sha256"] == hashlib.sha256(stored).hexdigest()
    assert (len(response["blurhash"]), response["dominant_color"][0], response["alt"]) == (36, "#", "a red boat")


def test_any_other_is_refused_by_name(stack):
    response = stack.get(prompt="a tree", output_format="gif")
    assert (response.status_code, response.json()["error"]) == (400, "output_format must be one of png, jpeg, webp.")
    assert stack.requests_to("generate") == []


def test_what_imgur_does_not_take_is_kept_locally(tmp_path):
    with running(tmp_path, ready=False, STORAGE="imgur", IMGUR_CLIENT_ID="an-id") as stack:
        webp = stack.get(prompt="a tree", model="sketch", output_format="webp").json()
        assert (webp["storage"], webp["storage_error"]["code"]) == ("local", "imgur_unsupported_format")
        assert requests.get(webp["image_url"], timeout=30).headers["Content-Type"] == "image/webp"
        jpeg = stack.get(prompt="a tree", model="sketch", output_format="jpeg").json()
        assert (jpeg["storage"], jpeg["content_type"], jpeg["image_url"][-4:]) == ("imgur", "image/jpeg", ".jpg")
