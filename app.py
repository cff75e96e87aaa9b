"""The API tier's entry: `gunicorn app:app`."""

from image_api import create_app

app = create_app()
