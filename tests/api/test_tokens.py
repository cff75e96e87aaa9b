"""The bearer token of a request, at either tier."""

import pytest

from render_worker.serving.tokens import carries


def test_it_works():
    assert carries("Bearer secret", "secret")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "secret",
        "bearer secret",
        "Basic secret",
        "Bearer Secret",
        "Bearer secrets",
        "Bearer é",
    ],
)
def test_anything_else_is_none(header):
    assert not carries(header, "secret")
