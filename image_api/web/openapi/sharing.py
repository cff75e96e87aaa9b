"""What several operations of an OpenAPI document have in common, written once: a third of the document is left."""

import json
from collections import Counter
from collections.abc import Iterator, MutableMapping, MutableSequence
from http import HTTPStatus
from typing import Any

Schema = dict[str, Any]
Place = tuple[MutableMapping[str, Any] | MutableSequence[Any], Any, str, str]
"""A container and the key in it of a parameter or a response, the kind of component that this is, and its name."""


def share(paths: dict[str, Schema]) -> dict[str, Schema]:
    """Replace each parameter and response that stands more than once by a reference, and return the components."""
    places = [(place, json.dumps(place[0][place[1]], sort_keys=True)) for place in _places(paths)]
    counts = Counter(text for _, text in places)
    components: dict[str, Schema] = {"parameters": {}, "responses": {}}
    names: dict[str, str] = {}
    for (holder, key, kind, wished), text in places:
        if counts[text] > 1:
            if text not in names:
                names[text] = _free_name(wished, components[kind])
                components[kind][names[text]] = holder[key]
            holder[key] = {"$ref": f"#/components/{kind}/{names[text]}"}
    return components


def _places(paths: dict[str, Schema]) -> Iterator[Place]:
    operations = (it for path in paths.values() for name, it in path.items() if not name.startswith("x-"))
    for operation in operations:
        for index, parameter in enumerate(operation.get("parameters", ())):
            yield operation["parameters"], index, "parameters", parameter["name"]
        for status in operation["responses"]:
            yield operation["responses"], status, "responses", HTTPStatus(int(status)).phrase.title().replace(" ", "")


def _free_name(wished: str, taken: Schema) -> str:
    names = (wished, *(f"{wished}{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
