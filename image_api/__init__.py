"""The API tier: one GET turns a prompt into the URL of a picture.

`GET /generate?prompt=sunset over mountains&shape=landscape` has the render worker generate a picture, and returns its
URL as JSON, or a redirect to it if the client shows pictures. `GET /` documents every parameter.
"""

from flask import Flask

from image_api.routes import (
    crawlers,
    generate,
    health,
    images,
    openai,
    openai_edits,
    pages,
    styled,
    wake,
    websocket,
)
from image_api.services import KEY, Services
from image_api.settings import Settings, load
from image_api.web import cors, error_responses, host_check, responses, speculative_requests
from image_api.web.openai_paths import OpenAIPaths
from image_api.web.trusted_proxies import TrustedProxies
from render_worker.contract import MAX_BODY_BYTES


def create_app(settings: Settings | None = None) -> Flask:
    """Return the Flask application, with the environment's settings unless `settings` are given."""
    settings = settings or load()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.wsgi_app = TrustedProxies(OpenAIPaths(app.wsgi_app), settings.trusted_proxies)  # type: ignore[method-assign]
    app.extensions[KEY] = Services.build(settings)
    responses.register(app)
    error_responses.register(app)
    host_check.register(app, settings.allowed_hosts)
    speculative_requests.register(app)
    cors.register(app, settings.cors_origins)
    for family in (generate, websocket, styled, openai, openai_edits, images, health, wake, pages, crawlers):
        app.register_blueprint(family.routes)
    return app
