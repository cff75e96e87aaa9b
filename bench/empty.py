"""The least that Flask can do, under the API tier's own gunicorn settings: `gunicorn bench.empty:app`."""

from types import SimpleNamespace

from flask import Flask, Response

from image_api.services import KEY

app = Flask(__name__)
# gunicorn.conf.py tells the generation of a stop.
app.extensions[KEY] = SimpleNamespace(generation=SimpleNamespace(ending=False, stop=lambda: None))


@app.get("/")
def empty() -> Response:
    """Return an empty response."""
    return Response(status=200)
