"""Commands of the operator: `flask --app app …`."""

from flask import Flask

from image_api.cli.keys import keys
from image_api.cli.sign import sign


def register(app: Flask) -> None:
    """Add the commands to those of `flask --app app`."""
    for command in (keys, sign):
        app.cli.add_command(command)
