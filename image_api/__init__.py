"""The API tier: one GET turns a prompt into the URL of a picture.

`GET /generate?prompt=sunset%20over%20mountains&shape=landscape` has the render worker generate a picture, and returns
its URL as JSON, or a redirect to it if the client shows pictures. `GET /` documents every parameter.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from image_api.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the Flask application, as `image_api.application` does, which is loaded for it alone."""
    from image_api import application

    return application.create_app(settings)
