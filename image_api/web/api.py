"""What a view takes and returns, by a decorator that registers it for /openapi.json and changes nothing at run time.

    @routes.get("/wake")
    @describe(answers=WakeStatus, errors=(WorkerNotConfigured,))
    def wake() -> Response:
        \"\"\"Return whether the worker is awake.\"\"\"

The docstring is the description. A view without a document wears `@describe(hidden=True)`, a page `@describe(PAGE)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from image_api.errors import ApiError
from render_worker.contract import Fields

JSON, FORM, HTML, EVENTS = "application/json", "multipart/form-data", "text/html", "text/event-stream"

View = TypeVar("View", bound=Callable[..., object])
Models = type[BaseModel] | tuple[type[BaseModel], ...]
Content = Models | Mapping[str, Models] | None
"""What a body of one media type is: a model or one of several, those of an event stream by the names of its events, or
None if it is no JSON."""


@dataclass(frozen=True)
class Answer:
    """A response of one status: what it is, its body by media type, and its headers beside those of every response."""

    means: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """What a view takes and returns."""

    answers: Mapping[int, Answer]
    errors: tuple[type[ApiError] | int, ...] = ()
    query: type[Fields] | None = None
    without: frozenset[str] = frozenset()
    body: Mapping[str, type[Fields]] = field(default_factory=dict)
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    request_headers: tuple[str, ...] = ()
    messages: tuple[type[BaseModel], ...] = ()
    hidden: bool = False
    summary: str = ""
    more: str = ""


OPERATIONS: dict[Callable[..., object], Operation] = {}
"""Those of all views that are described."""


def describe(answers: type[BaseModel] | Mapping[int, Answer] | None = None, **details: Any) -> Callable[[View], View]:
    """Register what the view below takes and returns, and return the view itself.

    answers          its responses by status; a model alone is the JSON of a 200
    errors           classes of errors that it raises, or the statuses of errors that Werkzeug raises
    query, without   the model of its query's parameters, and the names of those that cannot be given here
    body             the models of its body's fields, by media type
    examples         examples of the body, by a few words each
    request_headers  headers of the request that change the response
    messages         what comes back, if it is a WebSocket
    hidden           whether it is in no document
    summary          what the document says in place of the docstring's first line
    more             what the document says after the docstring, in Markdown
    """
    if isinstance(answers, type):
        answers = {200: Answer(answers.__doc__ or "", {JSON: answers})}
    operation = Operation(answers or {}, **details)

    def register(view: View) -> View:
        OPERATIONS[view] = operation
        return view

    return register
