"""/openapi.json: OpenAPI 3.1 of what `api.describe` has registered, of Flask's url_map and of the models' schemas."""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from werkzeug.routing import Rule

from image_api.errors import ApiError, Relayed
from image_api.jobs.webhooks.message import JobWebhook
from image_api.services import services, services_of
from image_api.web import api_answers, scopes
from image_api.web.api import FORM, HTML, JSON, OPERATIONS, Answer, Content, Models, Operation
from image_api.web.cors import PICTURES
from image_api.web.error_responses import AUTOMATIC_METHODS, error_format_of
from image_api.web.openapi.schemas import Schema, reference, schemas_of, without_null
from image_api.web.openapi.sharing import share
from image_api.web.openapi.webhooks import webhooks
from render_worker.contract import IMAGE_NAME, VERSION, ErrorBody, Fields
from render_worker.serving.http_errors import HTTP_CODES

VARIABLE = re.compile(r"<(?:any\((?P<choices>[^)]*)\):|(?P<converter>[a-z_]+):)?(?P<name>\w+)>")
INTRODUCTION = """\
A prompt in, a picture out: `GET /generate?prompt=a%20red%20boat` returns the address of one.

- **Values** are read alike in a query, in JSON and in a form: a text is trimmed; null and an empty optional value are
as left out; booleans and words come in any case, numbers as `42`, `42.0` or `"42"`. A parameter that is unknown,
repeated or out of range is refused by name; trackers (`utm_…`, `fbclid`, `gclid`, `_`) are ignored.
- **HEAD** gets the head of the GET's response, and makes no picture.
- **Errors** are one plain sentence and a stable `code`, in the format of their family of routes.
- Every response has an `X-Request-ID`, by which the operator finds it in the logs.
"""
REQUEST_HEADERS = {
    "Last-Event-ID": "The id of the last event that the client has: the stream goes on after it.",
    "Idempotency-Key": "1 to 255 visible ASCII characters without commas: the same request with the same key gets the"
    " job that the first one made.",
    "Prefer": "`respond-async` makes a job of the request; others are ignored.",
    "Range": "A part of the picture, like `bytes=0-1023`.",
    "If-None-Match": "ETags that the client has: 304 if one is the picture's.",
    "If-Match": "ETags: 412 if none is the picture's.",
    "If-Range": "An ETag: `Range` counts only if it is the picture's.",
}
STATUS_CODES = {**HTTP_CODES, 414: "too_large", 431: "too_large", 500: "internal_error"}

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "What `AUTH` asks for, or `WORKER_TOKEN`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, if it is no token."},
}


def document(app: Flask) -> Schema:
    """Return the document, without `servers`."""
    with app.app_context():
        operations = list(_operations(app))
        errors = [_error_model(rule) for rule, _, _ in operations]
        schemas = schemas_of([*_models(operation for _, operation, _ in operations), *errors, JobWebhook])
        paths: dict[str, Schema] = {}
        for rule, operation, view in operations:
            path = paths.setdefault(_path(rule), {})
            if rule.websocket:
                path["x-websocket"] = _websocket(operation, view)
                continue
            for method in sorted((rule.methods or set()) - AUTOMATIC_METHODS):
                path[method.lower()] = _operation(rule, method, operation, view, schemas)
    return {
        "openapi": "3.1.0",
        "info": _info(services_of(app).settings.name),
        "tags": _tags(view for _, _, view in operations),
        "paths": dict(sorted(paths.items())),
        "webhooks": webhooks(),
        "components": {"schemas": schemas, "headers": _headers(), "securitySchemes": SCHEMES, **share(paths)},
    }


def _info(title: str) -> Schema:
    licensed = {"name": "MIT", "identifier": "MIT"}
    return {"title": title, "version": VERSION, "description": INTRODUCTION, "license": licensed}


def _operations(app: Flask) -> Iterator[tuple[Rule, Operation, Any]]:
    """Yield each described rule of the application with its operation and its view."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = OPERATIONS.get(view)
        if operation and not operation.hidden:
            yield rule, operation, view


def _models(operations: Iterable[Operation]) -> Iterator[type[BaseModel]]:
    for it in operations:
        yield from (model for model in (it.query, *it.body.values()) if model)
        yield from it.messages
        for answer in it.answers.values():
            for content in answer.content.values():
                yield from _models_of(content)


def _models_of(content: Content) -> Iterator[type[BaseModel]]:
    if isinstance(content, Mapping):
        for models in content.values():
            yield from _models_of(models)
    elif content is not None:
        yield from _listed(content)


def _listed(models: Models) -> tuple[type[BaseModel], ...]:
    return models if isinstance(models, tuple) else (models,)


def _path(rule: Rule) -> str:
    return VARIABLE.sub(r"{\g<name>}", rule.rule)


def _tag(view: Any) -> str:
    return str(view.__module__.rpartition(".")[2])


def _tags(views: Iterable[Any]) -> list[Schema]:
    """Return the tags, a module of routes each."""
    modules = {_tag(view): sys.modules[view.__module__] for view in views}
    return [{"name": name, "description": inspect.getdoc(module) or ""} for name, module in modules.items()]


def _operation(rule: Rule, method: str, operation: Operation, view: Any, schemas: dict[str, Schema]) -> Schema:
    summary, _, rest = (inspect.getdoc(view) or "").partition("\n")
    described: Schema = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{_path(rule)}").strip("_"),
        "tags": [_tag(view)],
        "summary": operation.summary or summary,
        "description": "\n\n".join(filter(None, (rest.strip(), operation.more))),
        "parameters": [*_path_parameters(rule), *_query_parameters(operation, schemas), *_header_parameters(operation)],
        "requestBody": _body(operation, schemas),
        "security": _security(rule),
        "responses": _responses(rule, operation),
    }
    return {name: value for name, value in described.items() if value}


def _security(rule: Rule) -> list[Schema]:
    """Return which credentials are accepted: one of SCHEMES, and perhaps none."""
    if not scopes.checks_credential(rule.endpoint):
        return []
    is_needed = services().authenticator is not None and scopes.needs_credential(rule.endpoint)
    is_optional = not is_needed and rule.endpoint not in scopes.ADMIN_VIEWS
    return [*([{}] if is_optional else []), *({scheme: []} for scheme in SCHEMES)]


def _path_parameters(rule: Rule) -> Iterator[Schema]:
    for found in VARIABLE.finditer(rule.rule):
        schema: Schema = {"type": "string"}
        if found["choices"]:
            schema["enum"] = re.split(r",\s*", found["choices"])
        if found["converter"] == "image_name":
            schema["pattern"] = IMAGE_NAME
        yield {"name": found["name"], "in": "path", "required": True, "schema": schema}


def _query_parameters(operation: Operation, schemas: dict[str, Schema]) -> Iterator[Schema]:
    if operation.query is None:
        return
    schema = schemas[operation.query.__name__]
    for name, field in schema["properties"].items():
        if name in operation.without:
            continue
        shown = without_null(field)
        description = shown.pop("description", "")
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "description": description, "schema": shown}


def _header_parameters(operation: Operation) -> Iterator[Schema]:
    for name in operation.request_headers:
        yield {"name": name, "in": "header", "description": REQUEST_HEADERS[name], "schema": {"type": "string"}}


def _body(operation: Operation, schemas: dict[str, Schema]) -> Schema | None:
    if not operation.body:
        return None
    content: dict[str, Schema] = {}
    for mimetype, model in operation.body.items():
        content[mimetype] = {"schema": _form(model, schemas) if mimetype == FORM else reference(model)}
        if operation.examples and mimetype == JSON:
            content[mimetype]["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
    return {"required": True, "content": content}


def _form(model: type[Fields], schemas: dict[str, Schema]) -> Schema:
    """Return the schema of a model's fields as those of a form, whose pictures are files."""
    schema = schemas[model.__name__]
    properties = {name: without_null(field) for name, field in schema["properties"].items()}
    for field in properties.values():
        if field.pop("contentEncoding", None):
            field["format"] = "binary"
    return {**schema, "properties": properties}


def _responses(rule: Rule, operation: Operation) -> Schema:
    responses = {status: _answer(rule, answer) for status, answer in operation.answers.items()}
    for status, (codes, headers) in _errors(rule, operation).items():
        error = _error(rule, status, codes, headers)
        if other := responses.get(status):
            error["description"] = f"{other['description']} {error['description']}"
            error["content"] |= other.get("content", {})
            error["headers"] |= other["headers"]
        responses[status] = error
    return {str(status): response for status, response in sorted(responses.items())}


def _answer(rule: Rule, answer: Answer) -> Schema:
    own = (*answer.headers, *(api_answers.PAGE_HEADERS if HTML in answer.content else ()))
    response: Schema = {"description": answer.means, "headers": _named_headers(rule, own)}
    content = {mimetype: _media(mimetype, it) for mimetype, it in answer.content.items()}
    return {**response, "content": content} if content else response


def _media(mimetype: str, content: Content) -> Schema:
    if content is None:
        return {"schema": {"type": "string"}} if mimetype.startswith("text/") else {}
    if isinstance(content, Mapping):
        return _events(content)
    return {"schema": _any_of(content)}


def _events(events: Mapping[str, Models]) -> Schema:
    """Return an event stream, of which OpenAPI 3.1 can say nothing; tools read its `schema` as one of each event."""
    names = [f"- `{name}`: {' or '.join(it.__name__ for it in _listed(models))}" for name, models in events.items()]
    text = "Server-sent events, each with `data` of a line of JSON:\n\n" + "\n".join(names)
    shown = {name: _any_of(models) for name, models in events.items()}
    return {"schema": {"description": text}, "x-events": shown}


def _any_of(models: Models) -> Schema:
    listed = _listed(models)
    return reference(listed[0]) if len(listed) == 1 else {"anyOf": [reference(it) for it in listed]}


def _errors(rule: Rule, operation: Operation) -> dict[int, tuple[set[str], set[str]]]:
    """Return the codes of an operation's errors and their headers, by status."""
    found: dict[int, tuple[set[str], set[str]]] = {}
    credentials = api_answers.CREDENTIALS if scopes.checks_credential(rule.endpoint) else ()
    for error in (*api_answers.EVERY, *credentials, *operation.errors):
        for status, codes, headers in _shown(error):
            known = found.setdefault(status, (set(api_answers.REFUSED_HTTP.get(status, ())), set()))
            known[0].update(codes)
            known[1].update(headers)
    return found


def _shown(error: type[ApiError] | int) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """Yield the statuses of an error, with their codes and headers."""
    if isinstance(error, int):
        yield error, (STATUS_CODES[error],), ()
    elif error is Relayed:
        for status, codes in api_answers.RELAYED.items():
            yield status, codes, ("Retry-After",)
    else:
        yield error.status, (error.code,), (*error.headers, *(["Retry-After"] if error.retry_after else []))


def _error(rule: Rule, status: int, codes: set[str], headers: set[str]) -> Schema:
    phrase = HTTPStatus(status).phrase
    return {
        "description": f"{phrase}: {', '.join(f'`{code}`' for code in sorted(codes))}.",
        "headers": _named_headers(rule, sorted(headers)),
        "content": {JSON: {"schema": reference(_error_model(rule))}},
    }


def _error_model(rule: Rule) -> type[BaseModel]:
    """Return the model of the errors of the rule's family of routes."""
    return error_format_of(_path(rule)) or ErrorBody


def _named_headers(rule: Rule, names: Iterable[str]) -> Schema:
    embedded = ("Cross-Origin-Resource-Policy",) if PICTURES.match(rule.rule) else ()
    every = dict.fromkeys((*names, *api_answers.ALWAYS, *api_answers.ANYWHERE, *embedded))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in every}


def _headers() -> Schema:
    always = {name: {"required": True} for name in api_answers.ALWAYS}
    return {
        name: {"description": description, **always.get(name, {}), "schema": {"type": "string"}}
        for name, description in api_answers.HEADERS.items()
    }


def _websocket(operation: Operation, view: Any) -> Schema:
    """Return what travels over a WebSocket, of which OpenAPI knows nothing."""
    return {
        "description": inspect.getdoc(view) or "",
        "sends": _any_of(tuple(operation.body.values())),
        "receives": _any_of(operation.messages),
    }
