"""The bearer token of a request, at either tier."""

import pytest

from render_worker.serving.bearer_tokens import has_bearer_token


def test_it_works():
    assert has_bearer_token("Bearer secret", "secret")


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
    assert not has_bearer_token(header, "secret")
