"""The API tier under a configuration of gunicorn that is not its own: `gunicorn -c … bench.any_server:app`."""

from image_api.application import create_app
from image_api.settings import load

app = create_app(load())
