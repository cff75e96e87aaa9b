"""The current request itself, and Flask for synchronous functions alone."""

import pytest
from flask import request

from image_api.web.current import current_request
from image_api.web.synchronous_flask import SynchronousFlask


def test_it_is_the_request_behind_flasks_proxy():
    app = SynchronousFlask("test")
    with app.test_request_context("/a?b=c"):
        assert current_request() == request
        assert type(current_request()) is app.request_class


def test_there_is_none_outside_of_a_request():
    with pytest.raises(RuntimeError):
        current_request()


def test_hooks_and_views_are_called_as_they_are():
    app, calls = SynchronousFlask("test"), []
    app.before_request(lambda: calls.append("before"))
    app.after_request(lambda response: calls.append("after") or response)
    app.add_url_rule("/", view_func=lambda: "here")
    assert app.test_client().get("/").text == "here"
    assert calls == ["before", "after"]
