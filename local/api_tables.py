"""The tables of API_REFERENCE.md that derive from what the views have registered, and from the models."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from types import NoneType
from typing import Any

from pydantic import BaseModel

from image_api.application import create_app
from image_api.generation.options import GenerationOptions
from image_api.jobs.job_json import JobView
from image_api.settings import Settings
from image_api.web.api_answers import ALWAYS, ANYWHERE, HEADERS
from image_api.web.openapi.document import document
from image_api.web.openapi.schemas import docstrings_of
from image_api.web.schemas.jobs import JobOptions, JobQuery
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_edits import EditRequest
from image_api.web.schemas.sheet import SheetOptions
from image_api.web.schemas.styled import StyledRequest
from image_api.web.schemas.txt2img import ImageToImageRequest, TextToImageRequest
from image_api.web.schemas.txt2img_response import TextToImagePicture, TextToImageResponse
from image_api.web.schemas.weights import LoadModelBody, LoraBody
from render_worker.contract import Fields, GenerateResult, WithNulls

Schema = dict[str, Any]
SECTIONS = {
    "/generate": "get-generate-post-generate",
    "/sheet": "get-sheetpng-get-sheet",
    "/stream": "event-stream-and-websocket",
    "/v1/images/generations": "post-v1imagesgenerations-get-v1models-openais-clients",
    "/v1/images/edits": "edits-and-variations",
    "/v1/images/variations": "edits-and-variations",
    "/v1/images/generate": "post-v1imagesgenerate-get-v1styles",
    "/v1/styles": "post-v1imagesgenerate-get-v1styles",
    "/v1/models": "models-and-errors",
    "/api/v1/models": "models-and-errors",
    "/v1/txt2img": "post-v1txt2img-v1img2img-also-below-apiv1",
    "/v1/img2img": "post-v1txt2img-v1img2img-also-below-apiv1",
    "/api/v1/generate/txt2img": "post-v1txt2img-v1img2img-also-below-apiv1",
    "/api/v1/generate/img2img": "post-v1txt2img-v1img2img-also-below-apiv1",
    "/v1/models/load": "post-v1modelsload-v1loras-also-below-apiv1",
    "/api/v1/models/load": "post-v1modelsload-v1loras-also-below-apiv1",
    "/v1/loras": "post-v1modelsload-v1loras-also-below-apiv1",
    "/api/v1/loras": "post-v1modelsload-v1loras-also-below-apiv1",
    "/images": "get-imagesname-delete-imagesname",
    "/models": "get-models-health-ready",
    "/health": "get-models-health-ready",
    "/ready": "get-models-health-ready",
    "/wake": "get-wake-wakegif",
    "/p/": "get-pname",
    "/status": "get-status-badgesvg",
    "/badge": "get-status-badgesvg",
    "/robots": "link-previews-and-crawlers",
    "/requests": "delete-requestsrequest_id",
    "/api/v1": "jobs-apiv1generate-status-jobs",
}
"""The sections about endpoints, by how their paths begin. Others have that of their responses alone."""
SEE = {
    "style": "post-v1imagesgenerate-get-v1styles",
    "shape": "sizes",
    "aspect_ratio": "sizes",
    "size": "sizes",
    "width": "sizes",
    "height": "sizes",
    "prefer": "selection-and-fallback",
    "within": "selection-and-fallback",
    "output_format": "output_formatauto",
    "n": "several-pictures",
    "image": "an-image-to-begin-with",
    "strength": "an-image-to-begin-with",
    **dict.fromkeys(("steps", "scheduler", "lora_path", "lora_scale"), "steps-schedulers-and-loras"),
    "previews": "event-stream-and-websocket",
    "stream": "stream-true",
    "partial_images": "stream-true",
}
"""The sections that say more of a parameter."""
SHORT = {"style": "a name that `GET /v1/styles` lists, or left out"}
HEAD = ("| parameter | is | accepts | default |", "|---|---|---|---|")


@cache
def api() -> Schema:
    """Return the OpenAPI document."""
    return document(create_app(Settings()))


def endpoints() -> str:
    """Return the table of endpoints."""
    rows = [f"| [`{method} {path}`](#{section(method, path)}) | {it['summary']} |" for method, path, it in operations()]
    return "\n".join(("| endpoint | does |", "|---|---|", *rows))


def operations() -> Iterator[tuple[str, str, Schema]]:
    """Yield the method, the path and the description of each operation."""
    for path, item in api()["paths"].items():
        for method, operation in item.items():
            if method != "x-websocket":
                yield method.upper(), path, operation


def section(method: str, path: str) -> str:
    """Return the anchor of the section about an endpoint."""
    about = max((start for start in SECTIONS if path.startswith(start)), key=len, default=None)
    return SECTIONS[about] if about else re.sub(r"[^\w-]", "", f"{method} {path}".lower().replace(" ", "-"))


def parameters(model: type[Fields], without: type[Fields] | None = None) -> str:
    """Return the table of a model's public fields, but for those of another one."""
    others = without.model_fields if without else ()
    more = docstrings_of(GenerationOptions) | docstrings_of(model)
    schema = model.public_fields()
    rows = [
        row(name, field, more.get(name, ""))
        for name, field in schema.items()
        if name not in others and field.annotation is not NoneType
    ]
    return "\n".join((*HEAD, *rows))


def row(name: str, field: Any, more: str) -> str:
    """Return the row of a parameter."""
    accepts = SHORT.get(name, field.description)
    see = f" ([more](#{SEE[name]}))" if name in SEE else ""
    return f"| `{name}` | {more.removesuffix('.')}{see} | {accepts} | {default(field)} |"


def default(field: Any) -> str:
    """Return the default of a parameter, also if only its schema has one."""
    if field.is_required():
        return "required"
    found = (field.json_schema_extra or {}).get("default", field.default)
    return "none" if found is None else f"`{shown(found)}`"


def shown(default: object) -> str:
    """Return a default as a client would write it."""
    return str(default).lower() if isinstance(default, bool) else str(default)


def result_fields(model: type[BaseModel] = GenerateResult) -> str:
    """Return the table of a result's fields."""
    more = docstrings_of(model)
    optional = {name for name, field in model.model_fields.items() if field.get_default() is None}
    optional -= {name for name, field in model.model_fields.items() if field.is_required()}
    optional -= model.written_as_null if issubclass(model, WithNulls) else set()
    rows = [f"| `{name}`{'?' if name in optional else ''} | {text.removesuffix('.')} |" for name, text in more.items()]
    return "\n".join(("| field | is |", "|---|---|", *rows))


def responses() -> str:
    """Return the tables of the responses of each operation."""
    return "\n\n".join(
        "\n".join((f"### {method} {path}", "", "| status | is | body | headers |", "|---|---|---|---|", *rows(it)))
        for method, path, it in operations()
    )


def rows(operation: Schema) -> Iterator[str]:
    """Yield the row of each status."""
    for status, described in operation["responses"].items():
        response = resolved(described)
        if response["description"] in common():
            continue
        types = names(response.get("content", {}))
        headers = names(name for name in response["headers"] if name not in (*ALWAYS, *ANYWHERE))
        yield f"| {status} | {response['description']} | {types} | {headers} |"


@cache
def common() -> frozenset[str]:
    """Return the descriptions of the errors that every operation has."""
    every = api()["paths"]["/robots.txt"]["get"]["responses"].items()
    return frozenset(resolved(it)["description"] for status, it in every if status != "200")


def names(listed: Iterable[str]) -> str:
    """Return names as code."""
    return ", ".join(f"`{name}`" for name in listed)


def resolved(schema: Schema) -> Schema:
    """Return what a reference leads to."""
    found = api() if "$ref" in schema else schema
    for name in schema.get("$ref", "#/").removeprefix("#/").split("/"):
        found = found[name] if name else found
    return found


def headers() -> str:
    """Return the table of headers of responses."""
    marks = {**dict.fromkeys(ALWAYS, " (always)"), **dict.fromkeys(ANYWHERE, " (any)")}
    rows = [f"| `{name}`{marks.get(name, '')} | {means} |" for name, means in HEADERS.items()]
    return "\n".join(("| header | says |", "|---|---|", *rows))


TABLES = {
    "endpoints": endpoints,
    "generate-parameters": lambda: parameters(GenerationOptions),
    "sheet-parameters": lambda: parameters(SheetOptions, GenerationOptions),
    "styled-parameters": lambda: parameters(StyledRequest),
    "openai-parameters": lambda: parameters(ImagesRequest),
    "edit-parameters": lambda: parameters(EditRequest, ImagesRequest),
    "job-parameters": lambda: parameters(JobOptions, GenerationOptions),
    "text-to-image-parameters": lambda: parameters(TextToImageRequest),
    "image-to-image-parameters": lambda: parameters(ImageToImageRequest, TextToImageRequest),
    "text-to-image-fields": lambda: result_fields(TextToImageResponse),
    "text-to-image-picture-fields": lambda: result_fields(TextToImagePicture),
    "load-model-parameters": lambda: parameters(LoadModelBody),
    "lora-parameters": lambda: parameters(LoraBody),
    "list-parameters": lambda: parameters(JobQuery),
    "result-fields": result_fields,
    "job-fields": lambda: result_fields(JobView),
    "responses": responses,
    "headers": headers,
}
