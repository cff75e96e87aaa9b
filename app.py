"""The API tier's entry: `gunicorn app:app`."""

import sys

from image_api.application import create_app

app = create_app()

if __name__ == "__main__":
    sys.exit("Start it so: gunicorn app:app. `make run` starts both tiers.")
