"""The parts of this application, as create_app() put them together, for whichever view asks."""

from flask import current_app

from image_api.clients import Clients
from image_api.dispatch.direct import DirectDispatch
from image_api.generation import Generation
from image_api.pictures import Pictures
from image_api.settings import Settings


def settings() -> Settings:
    """This application's settings."""
    found: Settings = current_app.extensions["settings"]
    return found


def clients() -> Clients:
    """What tells clients apart."""
    found: Clients = current_app.extensions["clients"]
    return found


def dispatch() -> DirectDispatch:
    """The way to the render worker."""
    found: DirectDispatch = current_app.extensions["dispatch"]
    return found


def generation() -> Generation:
    """Who has pictures made."""
    found: Generation = current_app.extensions["generation"]
    return found


def pictures() -> Pictures:
    """Who reads the bytes of what was made."""
    found: Pictures = current_app.extensions["pictures"]
    return found
