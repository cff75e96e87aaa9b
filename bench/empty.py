"""The least that Flask can do, under the API tier's own gunicorn settings: `gunicorn bench.empty:app`."""

from types import SimpleNamespace

from flask import Flask, Response

app = Flask(__name__)
app.extensions["generation"] = SimpleNamespace(ending=False, stop=lambda: None)  # gunicorn.conf.py tells it of a stop


@app.get("/")
def nothing() -> Response:
    """An empty answer."""
    return Response(status=200)
