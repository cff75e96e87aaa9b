"""Whether responses are as /openapi.json says."""

import re
from functools import cache, partial
from typing import Any, ClassVar

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from image_api.application import create_app
from image_api.settings import Settings
from image_api.web.openapi.document import document

Schema = dict[str, Any]
TRANSPORT = {"connection", "content-length", "content-type", "date", "server", "transfer-encoding", "keep-alive"}
"""Headers of HTTP itself."""
PARAMETER = re.compile(r"\{(\w+)\}")
DOUBLED_SLASH = 308  # is led to the same address with one
AUTOMATIC = {"HEAD": "get", "OPTIONS": ""}


class Described:
    """A document, by which responses are checked."""

    def __init__(self, app: Flask) -> None:
        self.document = document(app)
        self.paths = {
            re.compile(PARAMETER.sub(partial(self._pattern, item), path) + r"\Z"): path
            for path, item in sorted(self.document["paths"].items(), key=lambda it: (it[0].count("{"), -len(it[0])))
        }

    def operation(self, method: str, url: str) -> Schema | None:
        """Return the operation of a request; None if its address, or its method there, is not described."""
        path = next((path for pattern, path in self.paths.items() if pattern.match(url)), None)
        return self.document["paths"][path].get(AUTOMATIC.get(method, method.lower())) if path else None

    def _pattern(self, item: Schema, found: re.Match[str]) -> str:
        """Return the pattern of a parameter in a path."""
        parameters = map(self.resolved, next(iter(item.values()))["parameters"])
        schema = next(it["schema"] for it in parameters if (it["in"], it["name"]) == ("path", found[1]))
        return f"({'|'.join(schema['enum'])})" if "enum" in schema else schema.get("pattern", ".+")

    def resolved(self, schema: Schema) -> Schema:
        """Return what a reference leads to."""
        if "$ref" not in schema:
            return schema
        found: Any = self.document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found

    def problems(self, method: str, url: str, status: int, headers: dict[str, str], body: Any = None) -> list[str]:
        """Return what a response has that the document has not; a body is that of JSON."""
        operation = self.operation(method, url)
        if operation is None or status == DOUBLED_SLASH:
            return []
        if str(status) not in operation["responses"]:
            return [f"{method} {url}: status {status}"]
        response = self.resolved(operation["responses"][str(status)])
        known = {name.lower() for name in response["headers"]} | TRANSPORT
        found = [f"{method} {url}: {status} with header {name}" for name in headers if name.lower() not in known]
        present = {name.lower() for name in headers}
        missing = (name for name, it in response["headers"].items() if self.resolved(it).get("required"))
        found += [f"{method} {url}: {status} without {name}" for name in missing if name.lower() not in present]
        mimetype = headers.get("Content-Type", "").partition(";")[0]
        content = response.get("content", {})
        has_body = method != "HEAD" and (content or headers.get("Content-Length") not in (None, "0"))
        if mimetype and has_body and mimetype not in content:
            return [*found, f"{method} {url}: {status} with {mimetype}"]
        if body is not None and (schema := content.get(mimetype, {}).get("schema")):
            validator = Draft202012Validator({**schema, "components": self.document["components"]})
            found += [f"{method} {url}: {status}: {error.message}" for error in validator.iter_errors(body)]
        return found


@cache
def described() -> Described:
    """Return the document of an application of default settings."""
    return Described(create_app(Settings()))


class CheckedClient(FlaskClient):
    """A client whose every response must be as the document says."""

    streams: ClassVar[list[TestResponse]] = []

    @classmethod
    def close_streams(cls) -> None:
        """Close what tests left open: the garbage collector may do it in any thread, where their context is not."""
        while cls.streams:
            cls.streams.pop().close()

    def open(self, *arguments: Any, **named: Any) -> TestResponse:
        response = super().open(*arguments, **named)
        request = response.request
        body = response.get_json(silent=True) if response.is_json and response.content_length else None
        headers = dict(response.headers)
        problems = described().problems(request.method, request.path, response.status_code, headers, body)
        assert not problems, problems
        if response.mimetype == "text/event-stream":  # most tests read some of it, and leave the rest
            self.streams.append(response)
        return response
