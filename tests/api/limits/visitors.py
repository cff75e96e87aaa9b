"""Requests of clients at addresses of their own, which RATE_LIMIT applies to, unlike to those of this machine."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

VISITOR, OTHER = "203.0.113.9", "203.0.113.10"


def as_visitor(client: FlaskClient, method: str, url: str, address: str = VISITOR, **options: Any) -> TestResponse:
    """Return the response to the request of a client at an address."""
    return client.open(url, method=method, environ_overrides={"REMOTE_ADDR": address}, **options)


def get(client: FlaskClient, url: str, address: str = VISITOR, **options: Any) -> TestResponse:
    """Return the response to a GET."""
    return as_visitor(client, "GET", url, address, **options)


def post(client: FlaskClient, url: str, address: str = VISITOR, **options: Any) -> TestResponse:
    """Return the response to a POST."""
    return as_visitor(client, "POST", url, address, **options)


def left(answer: TestResponse) -> int:
    """Return how many new pictures a response says are left, of its first limit."""
    return int(answer.headers["RateLimit"].split(";r=")[1].split(";")[0])
