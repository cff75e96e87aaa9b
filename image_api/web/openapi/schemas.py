"""The schemas of /openapi.json: pydantic's of the models, as requests are read here and responses written.

Of a request the internal fields are left out. Responses have no null: what is None is left out, except
for the fields of WithNulls.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from types import NoneType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from image_api.generation.options import GenerationOptions
from render_worker.contract import Fields, WithNulls

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
NULL = {"type": "null"}


def schemas_of(models: Iterable[type[BaseModel]]) -> dict[str, Schema]:
    """Return the schemas of the models, and of those that they have inside, by name."""
    ordered = sorted(set(models), key=lambda model: f"{model.__module__}.{model.__qualname__}")
    keys = [(it, "validation" if issubclass(it, Fields) else "serialization") for it in ordered]
    schemas: dict[str, Schema] = models_json_schema(keys, ref_template=REFERENCE)[1]["$defs"]  # type: ignore[arg-type]
    classes = {model.__name__: model for model in _with_inner(ordered)}
    for name, schema in schemas.items():
        model = classes[name]
        if issubclass(model, Fields):
            _show_request(schema, model)
        else:
            _show_response(schema, model)
        _describe(schema, model)
    return schemas


def reference(model: type[BaseModel]) -> Schema:
    """Return the reference to a model's schema."""
    return {"$ref": REFERENCE.format(model=model.__name__)}


def described(accepted: str, more: str | None) -> str:
    """Return what a field's docstring says of it, and what it accepts, as sentences."""
    return " ".join(filter(None, (more, f"Must be {accepted}.")))


def without_null(schema: Schema) -> Schema:
    """Return the schema without null among its choices, and without a default of null."""
    schema = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    choices = schema.get("anyOf")
    if not choices or NULL not in choices:
        return schema
    others = [choice for choice in choices if choice != NULL]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**others[0], **rest} if len(others) == 1 else {**rest, "anyOf": others}


def docstrings_of(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands below the fields of a model and of its bases, by the fields' names."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base.__module__.partition(".")[0] in ("image_api", "render_worker"):
            found |= _docstrings(base.__module__).get(base.__qualname__, {})
    return found


def _show_request(schema: Schema, model: type[Fields]) -> None:
    shown = {name for name, field in model.public_fields().items() if field.annotation is not NoneType}
    schema["properties"] = {name: it for name, it in schema["properties"].items() if name in shown}
    for it in schema["properties"].values():
        if it.get("default", ...) is None:
            del it["default"]
    schema["required"] = [name for name in schema.get("required", ()) if name in shown]


def _show_response(schema: Schema, model: type[BaseModel]) -> None:
    properties = schema.get("properties", {})
    kept = model.written_as_null if issubclass(model, WithNulls) else frozenset()
    schema["required"] = [name for name, it in properties.items() if name in kept or NULL not in it.get("anyOf", ())]
    schema["properties"] = {name: it if name in kept else without_null(it) for name, it in properties.items()}
    for name in kept:
        del schema["properties"][name]["default"]  # it is always there


def _describe(schema: Schema, model: type[BaseModel]) -> None:
    """Set the descriptions of a schema and of its properties, and drop pydantic's titles, which repeat the names."""
    schema.pop("title", None)
    more = docstrings_of(GenerationOptions) if issubclass(model, Fields) else {}
    more |= docstrings_of(model)
    for name, it in schema.get("properties", {}).items():
        it.pop("title", None)
        if accepted := it.get("description"):
            it["description"] = described(accepted, more.get(name))
        elif name in more:
            it["description"] = more[name]


def _with_inner(models: Iterable[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """Yield models, and those that their fields have, and so on."""
    for model in models:
        yield model
        for field in model.model_fields.values():
            yield from _with_inner(_models_in(field.annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of a module's attributes, by classes and names."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {it.name: dict(_attributes(it)) for it in tree.body if isinstance(it, ast.ClassDef)}


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(following, ast.Expr):
            text = following.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield one.target.id, " ".join(text.value.split())
