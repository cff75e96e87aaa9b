"""The sandbox's Flask application: the stand-ins, and the sandbox's own control address."""

import re

from flask import Flask, Response, abort, request

from sandbox.cloudinary import cloudinary
from sandbox.control import control
from sandbox.horde import horde
from sandbox.huggingface import huggingface
from sandbox.imgur import imgur
from sandbox.page import page, uploads
from sandbox.perchance import Visitors, site
from sandbox.pictures import Pictures
from sandbox.replicate import Predictions, replicate
from sandbox.settings import Settings
from sandbox.switchboard import Switchboard
from sandbox.vertex import vertex

LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?")


def create_app() -> Flask:
    """One process plays everything; start it again for a clean slate, or POST /sandbox/reset."""
    app = Flask(__name__, static_folder=None)
    app.extensions["switchboard"] = Switchboard()
    app.extensions["pictures"] = Pictures()
    app.extensions["visitors"] = Visitors()
    app.extensions["replicate"] = Predictions()
    for part in (control, site, page, cloudinary, horde, huggingface, imgur, replicate, vertex, uploads):
        app.register_blueprint(part)
    upload_port = str(Settings().sandbox_upload_port)

    @app.before_request
    def keep_other_sites_out() -> None:
        """Refuse other hosts' names: by DNS rebinding any page could reach the sandbox and decide its answers."""
        if not LOOPBACK.fullmatch(request.host):
            abort(421)

    @app.before_request
    def keep_origins_apart() -> Response | None:
        """The upload host is an origin of its own: nothing but pictures is there, and they are nowhere else."""
        at_upload_host = request.environ["SERVER_PORT"] == upload_port
        if at_upload_host != (request.blueprint == "uploads"):
            abort(404)
        return None

    return app
