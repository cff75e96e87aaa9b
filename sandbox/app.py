"""The sandbox's Flask application: Perchance's site beside the sandbox's own control address."""

from flask import Flask

from sandbox.control import control
from sandbox.perchance import Perchance, site
from sandbox.switchboard import Switchboard


def create_app() -> Flask:
    """One process plays everything; start it again for a clean slate, or POST /sandbox/reset."""
    app = Flask(__name__, static_folder=None)
    app.extensions["switchboard"] = Switchboard()
    app.extensions["perchance"] = Perchance()
    app.register_blueprint(site)
    app.register_blueprint(control)
    return app
