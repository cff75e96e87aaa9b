"""The application: settings, services, error handlers and views, put together in one place."""

from pathlib import Path

from flask import Flask

from image_api import cli
from image_api.routes import (
    api_pages,
    crawlers,
    deletion,
    deliveries,
    generate,
    health,
    icons,
    images,
    job_events,
    job_health,
    openai,
    openai_edits,
    openapi,
    pages,
    picture_pages,
    requests,
    sheet,
    static_files,
    status,
    styled,
    txt2img,
    wake,
    websocket,
    weights,
)
from image_api.routes import jobs as job_routes  # by its own name it would hide the package image_api.jobs here
from image_api.services import KEY, Services
from image_api.settings import Settings, load
from image_api.web import (
    cors,
    error_responses,
    host_check,
    paying,
    responses,
    scopes,
    signed_links,
    speculative_requests,
)
from image_api.web.openai_paths import ModelNameConverter, OpenAIPaths
from image_api.web.pages import error_page, security_headers
from image_api.web.pages.picture_page import ImageNameConverter
from image_api.web.trusted_proxies import TrustedProxies
from render_worker.contract import MAX_BODY_BYTES
from render_worker.serving.own_configuration import OwnConfiguration

CONFIGURATION = OwnConfiguration(
    Path(__file__).resolve().parent.parent / "gunicorn.conf.py", "image_api.gunicorn_worker", "app:app"
)
FAMILIES = (
    generate,
    sheet,
    websocket,
    styled,
    openai,
    openai_edits,
    txt2img,
    weights,
    images,
    deletion,
    health,
    wake,
    pages,
    picture_pages,
    status,
    openapi,
    requests,
    icons,
    static_files,
    api_pages,
    crawlers,
)
JOB_FAMILIES = (job_routes, deliveries, job_events, job_health)
"""Of the REST API, whose prefix is a setting."""


def create_app(settings: Settings | None = None) -> Flask:
    """Return the Flask application, with the environment's settings unless `settings` are given.

    Exits if a setting is invalid, or if gunicorn has not read CONFIGURATION; given settings are for any server.
    """
    if settings is None:
        CONFIGURATION.require()
        settings = load()
    app = Flask("image_api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.url_map.converters |= {"image_name": ImageNameConverter, "model_name": ModelNameConverter}
    is_own_path = app.url_map.bind("").allowed_methods
    paths = OpenAIPaths(app.wsgi_app)
    app.wsgi_app = TrustedProxies(paths, settings.trusted_proxies, is_own_path)  # type: ignore[method-assign]
    app.extensions[KEY] = Services.build(settings)
    responses.register(app)
    security_headers.register(app)
    error_responses.register(app)
    error_page.register(app)
    host_check.register(app, settings.allowed_hosts)
    speculative_requests.register(app)
    signed_links.register(app)
    scopes.register(app)
    paying.register(app)
    cors.register(app, settings.cors_origins)
    for family in FAMILIES:
        app.register_blueprint(family.routes)
    for family in JOB_FAMILIES:
        app.register_blueprint(family.routes, url_prefix=settings.api_v1_prefix)
    cli.register(app)
    return app
