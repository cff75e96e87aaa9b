"""The current request itself, and its `g`."""

import pytest
from flask import Flask, g, request

from image_api.web.current import current_globals, current_request


def test_it_is_the_request_behind_flasks_proxy():
    app = Flask("test")
    with app.test_request_context("/a?b=c"):
        assert current_request() == request
        assert type(current_request()) is app.request_class


def test_there_is_none_outside_of_a_request():
    with pytest.raises(RuntimeError):
        current_request()


def test_what_is_kept_in_its_g_is_found_there():
    with Flask("test").test_request_context("/"):
        current_globals().name = "value"
        assert g.name == "value"
