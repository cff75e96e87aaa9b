"""The sandbox's Flask application: the stand-ins, and the sandbox's own control address."""

import re

from flask import Flask, abort, current_app, request

from sandbox.control import control
from sandbox.registry import STAND_INS
from sandbox.settings import load
from sandbox.state import SandboxState
from sandbox.upload_host import uploads

LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?")


def create_app() -> Flask:
    """Return an application that plays everything; a restart or POST /sandbox/reset clears it."""
    app = Flask(__name__, static_folder=None)
    settings = load()
    app.config["UPLOAD_PORT"] = str(settings.sandbox_upload_port)
    app.config["HUB_FOLDER"] = settings.sandbox_hub_folder
    app.extensions["sandbox"] = SandboxState(list(STAND_INS.values()))
    app.register_blueprint(control)
    for stand_in in STAND_INS.values():
        for blueprint in stand_in.blueprints:
            app.register_blueprint(blueprint)
    app.before_request(_refuse_other_hosts)
    app.before_request(_keep_origins_apart)
    return app


def _refuse_other_hosts() -> None:
    # By DNS rebinding any page could otherwise reach the sandbox and decide what it plays.
    if not LOOPBACK.fullmatch(request.host):
        abort(421)


def _keep_origins_apart() -> None:
    # The upload host is an origin of its own: it serves nothing but pictures, which are nowhere else.
    at_upload_host = request.environ["SERVER_PORT"] == current_app.config["UPLOAD_PORT"]
    if at_upload_host != (request.blueprint == uploads.name):
        abort(404)
