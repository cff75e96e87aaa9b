"""Commands for the operator: `flask --app app --help` lists them. What one needs is loaded when it runs."""

from flask import Flask

from image_api.cli.keys import keys
from image_api.cli.sign import sign


def register(app: Flask) -> None:
    """Add the commands to those of `flask --app app`."""
    app.cli.add_command(keys)
    app.cli.add_command(sign)
