"""A picture in base64 has the bound of one that is downloaded."""

import base64

import pytest

from render_worker.errors import BadPicture
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.exchange import picture_in_base64


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_a_picture_of_the_largest_size_is_taken_and_no_larger_one(prefix):
    largest = bytes(MAX_PICTURE_BYTES)
    assert picture_in_base64(prefix + base64.b64encode(largest).decode(), "Svc") == largest
    with pytest.raises(BadPicture) as caught:
        picture_in_base64(prefix + base64.b64encode(largest + bytes(3000)).decode(), "Svc")
    assert caught.value.code == "picture_too_large"
