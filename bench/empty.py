"""The least that Flask can do, under the API tier's own gunicorn settings: `gunicorn bench.empty:app`."""

from types import SimpleNamespace

from flask import Flask, Response

from image_api.services import KEY

app = Flask(__name__)
# gunicorn.conf.py begins the jobs, and tells the services of a stop.
JOBS = SimpleNamespace(start=lambda: None, drain=lambda: None, wait=lambda: None)
app.extensions[KEY] = SimpleNamespace(generation=SimpleNamespace(ending=False), jobs=JOBS, stop=lambda: None)


@app.get("/")
def empty() -> Response:
    """Return an empty response."""
    return Response(status=200)
