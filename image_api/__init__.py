"""The API tier: one GET turns a prompt into the address of a picture.

`GET /generate?prompt=sunset over mountains&shape=landscape` has the render worker make a picture and answers with
its address as JSON, or with a redirect to it where the caller shows pictures. `GET /` documents every parameter.
"""

from flask import Flask

from image_api.cache import build as build_cache
from image_api.clients import Clients
from image_api.dispatch.direct import DirectDispatch
from image_api.generation import Generation
from image_api.pictures import Pictures
from image_api.proxies import Proxies
from image_api.routes import (
    answers,
    generate,
    health,
    hosts,
    images,
    openai,
    origins,
    pages,
    streams,
    styled,
    wake,
)
from image_api.settings import Settings, load
from render_worker.contract import MAX_BODY_BYTES


def create_app(settings: Settings | None = None) -> Flask:
    """The API tier's Flask application, set by the environment unless `settings` are given."""
    settings = settings or load()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.wsgi_app = Proxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    dispatch = DirectDispatch(settings)
    app.extensions["settings"] = settings
    app.extensions["clients"] = Clients(
        settings.worker_token.get_secret_value().encode() if settings.worker_token else None
    )
    app.extensions["dispatch"] = dispatch
    app.extensions["generation"] = Generation(dispatch, build_cache(settings), settings)
    app.extensions["pictures"] = Pictures(dispatch, settings.picture_origins)
    answers.register(app)
    hosts.register(app, settings.allowed_hosts)
    origins.register(app, settings.cors_origins)
    for family in (generate, streams, styled, openai, images, health, wake, pages):
        app.register_blueprint(family.routes)
    return app
