"""The least that Flask can do, under the API tier's own gunicorn settings: `gunicorn bench.empty:app`."""

from types import SimpleNamespace

from flask import Flask, Response

from image_api.services import KEY

app = Flask(__name__)


def _nothing() -> None:
    """Do nothing."""


# gunicorn.conf.py starts the services, and tells them of a stop.
app.extensions[KEY] = SimpleNamespace(
    generation=SimpleNamespace(ending=False),
    jobs=SimpleNamespace(wait=_nothing),
    **dict.fromkeys(("start", "drain", "stop", "close"), _nothing),
)


@app.get("/")
def empty() -> Response:
    """Return an empty response."""
    return Response(status=200)
