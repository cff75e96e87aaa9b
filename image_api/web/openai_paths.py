"""The addresses under which OpenAI's and Azure's clients look for OpenAI's API, each led to the one of its views.

A client appends a path to the base that its user typed: without /v1, with /v1 twice, with a slash at the end, with the
whole address of an endpoint, or Azure's. A redirect would lose the body of a POST with many of them.
"""

import re
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, TypeVar

from flask import request
from werkzeug.routing import PathConverter

from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_models import stands_for_model

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DEPLOYMENT = "image_api.deployment"
"""Key of the environment with the name of Azure's deployment in the path, which stands for a model there."""
PICTURES = "images/(?:generations|edits|variations)"
# OpenAI's other endpoints: there are none here, but the refusal is in its format, and says what there is.
OTHERS = (
    "(?:chat|completions|responses|embeddings|audio|moderations|files|uploads|batches|assistants|threads|videos"
    "|fine_tuning|vector_stores|realtime|conversations|containers|evals)(?:/.*)?"
)
NAME = "[A-Za-z0-9][A-Za-z0-9._:-]{0,99}"
ADDRESS = re.compile(
    f"(?P<base>(?:/(?:v[0-9][a-z0-9]*|api|openai|deployments/(?P<deployment>{NAME})|{PICTURES})){{0,9}}?)"
    f"/(?P<endpoint>{PICTURES}|models(?:/.+)?|{OTHERS})"
)
OTHER_BASE = re.compile(f"/.*/(?:{PICTURES}|chat/completions|completions|responses|embeddings)")
SLASHES = re.compile("/{2,}")
OPENAI_CLIENT = "HTTP_X_STAINLESS_LANG"  # a header of OpenAI's own clients
T = TypeVar("T", bound=ImagesRequest)


class ModelNameConverter(PathConverter):
    """A model's name in a rule: all that is below /v1/models but the addresses there that have a view of their own."""

    regex = "(?!load$)[^/].*?"


class OpenAIPaths:
    """WSGI middleware that gives each spelling of those addresses the one path that has a view, without the query.

    The query is dropped, because the fields of OpenAI's API are all in the body, and Azure's clients send an
    `api-version`, others what their users typed into the base.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Set the path, and the deployment if it names one."""
        path = SLASHES.sub("/", environ.get("PATH_INFO", "")).removesuffix("/")
        found = ADDRESS.fullmatch(path)
        if found and not _is_own(found, environ):
            environ["PATH_INFO"] = f"/v1/{found['endpoint']}"
            environ["QUERY_STRING"] = ""
            environ[DEPLOYMENT] = found["deployment"]
        elif OTHER_BASE.fullmatch(path) or (OPENAI_CLIENT in environ and path.endswith("/models")):
            environ["PATH_INFO"] = f"/v1{path}"  # which there is not, and OpenAI's clients can read that
        return self._app(environ, start_response)


def _is_own(found: re.Match[str], environ: "WSGIEnvironment") -> bool:
    """Return whether it is this service's own GET /models, which another client asks."""
    return not found["base"] and found["endpoint"] == "models" and OPENAI_CLIENT not in environ


def with_deployment(body: T, known: Callable[[], Container[str]]) -> T:
    """Return the body with the deployment of the request's path as its model, as Azure has it.

    A name that stands for no model here is that of a deployment at Azure: then the body's own model counts, if it has
    one. `known` returns the names of models, and is called for such requests alone.
    """
    deployment = request.environ.get(DEPLOYMENT)
    if not deployment or (body.model and not stands_for_model(deployment, known)):
        return body
    return body.model_copy(update={"model": deployment})
