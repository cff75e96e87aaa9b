"""/v1/images/generations and /v1/models in OpenAI's words, for its own clients as they are.

What such a client may say and no engine can do is refused by name; what changes nothing here is taken and ignored.
"""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Literal

from flask import Blueprint, Response, g
from pydantic import BaseModel, Field

from image_api.admission import Waiter
from image_api.errors import ApiError, ModelNotFound, Relayed
from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.shapes import nearest
from image_api.styles import ACCEPTED, STYLES, StyleName
from image_api.web.base64_json import with_bytes
from image_api.web.bodies import json_body
from image_api.web.client_connection import waiter
from image_api.web.responses import absolute, as_json, base_address, json_text, speak
from render_worker.contract import ErrorBody, Fields, GenerateResult, Model, OutputFormat, PassedOver, Recipe, Text

AUTO = "auto"
OPENAI_S_OWN = re.compile(r"dall-e-[0-9]+|(gpt|chatgpt)-image-.+")  # as far as they are known, and those to come
MAX_PICTURES = 4
OWNER = "image-api"
SAID_TOO = {"hint", "retry_after", "expected_seconds", "fallback_from", "request_id"}
NO_DATE = 0  # when a model was made is not known; OpenAI's clients want a number
ANY_TEXT = "a text of up to 1,000 characters, or left out"
NAMED = re.compile(r'"?(\w+)"? (?:must|is|was)\b')  # how a refusal's sentence begins, the render worker's too

routes = Blueprint("openai", __name__)


class Asked(Fields):
    """What a caller of /v1/images/generations can say; as with OpenAI, null is the same as left out."""

    prompt: Text = Field(description=Recipe.model_fields["prompt"].description)
    model: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$",
        description="auto, or a name from /v1/models or of OpenAI's",
    )
    n: int | None = Field(None, ge=1, le=MAX_PICTURES, description=f"an integer from 1 to {MAX_PICTURES}")
    size: str | None = Field(
        None, pattern=r"^(auto|[1-9][0-9]{1,3}x[1-9][0-9]{1,3})$", description="auto, or like 1024x1024"
    )
    response_format: Literal["url", "b64_json"] | None = Field(None, description="url or b64_json")
    style: StyleName | None = Field(None, description=f"{ACCEPTED}, or left out")
    output_format: OutputFormat | None = Field(None, description=Recipe.model_fields["output_format"].description)
    # What must be as it is anyway:
    background: Literal["auto", "opaque"] | None = Field(
        None, description="auto or opaque; no engine makes transparent pictures"
    )
    output_compression: Literal[100] | None = Field(None, description="100; how strongly is not to be chosen here")
    stream: Literal[False] | None = Field(None, description="false or left out; the answer comes as a whole")
    partial_images: Literal[0] | None = Field(None, description="0 or left out; the answer comes as a whole")
    # What changes nothing here:
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = Field(
        None, description="one of auto, low, medium, high, xhigh, max, standard, hd"
    )
    complexity: Literal["low", "medium", "high"] | None = Field(None, description="one of low, medium, high")
    moderation: Literal["auto", "low"] | None = Field(None, description="auto or low")
    user: str | None = Field(None, max_length=1000, description=ANY_TEXT)
    safety_identifier: str | None = Field(None, max_length=1000, description=ANY_TEXT)

    def wanted(self) -> GenerationOptions:
        """One of the pictures, in the words of everybody else."""
        width, height = (1, 1) if self.size in (None, "auto") else map(int, str(self.size).split("x"))
        fields = {
            "prompt": self.prompt,
            "shape": nearest(width, height),
            "model": _known_here(self.model or AUTO),
            "output_format": self.output_format or "png",
        }
        wanted = GenerationOptions.parse(fields.items())
        return wanted.styled_by(STYLES[self.style]) if self.style else wanted


class Picture(BaseModel):
    """One picture; `url` or `b64_json`, as asked for."""

    url: str | None = None
    b64_json: str | None = None
    revised_prompt: str | None = None
    seed: int | None = None
    width: int
    height: int
    engine: str
    fallback_from: list[PassedOver] | None = None
    ignored: list[str] | None = None
    expires_at: str | None = None
    note: str | None = None


class Pictured(BaseModel):
    """The pictures, and of OpenAI's fields about them those that are true of all."""

    created: int
    data: list[Picture]
    background: Literal["opaque"] = "opaque"
    output_format: str | None = None
    size: str | None = None
    model: str
    """What was taken for the model that was asked for."""
    simulated: bool | None = None


class OfferedModel(BaseModel):
    """A model as OpenAI's clients know it, and how it is."""

    id: str
    object: Literal["model"] = "model"
    created: int = NO_DATE
    owned_by: str = OWNER
    engine: str | None = None
    state: str
    description: str
    simulated: bool | None = None


class ModelPage(BaseModel):
    """Every model, on the one page that there is."""

    object: Literal["list"] = "list"
    data: list[OfferedModel]
    simulated: bool | None = None


class Failure(BaseModel):
    """A failure as OpenAI's clients know it."""

    error: dict[str, Any]
    simulated: bool | None = None


@routes.post("/v1/images/generations")
def generations() -> Response:
    """Make up to four pictures of a prompt at the same time."""
    base = base_address()  # first, so that a bad Host header costs no generation
    asked = Asked.parse_json(json_body())
    wanted = asked.wanted()
    try:
        made = _all_made(wanted, asked.n or 1)
    except Relayed as error:
        if _param(error.body()) == "model":
            raise ModelNotFound(error.body().error) from error
        raise
    if asked.response_format == "b64_json":
        return with_bytes(lambda marks: json_text(_pictured(asked, wanted, made, base, marks)), made)
    return as_json(_pictured(asked, wanted, made, base))


@routes.get("/v1/models")
def models() -> Response:
    """Every name that `model` accepts."""
    return as_json(_offered())


@routes.get("/v1/models/<path:name>")
def model(name: str) -> Response:
    """One of them; for a name of OpenAI's it is auto, which is what such a name is taken for."""
    page = _offered()
    offered = {found.id: found for found in page.data}
    found = offered.get(_known_here(name))
    if not found:
        raise ModelNotFound(f"model must be one of {', '.join(offered)}.")
    return as_json(found, simulated=page.simulated)


def _known_here(name: str) -> str:
    return AUTO if OPENAI_S_OWN.fullmatch(name) else name


def _all_made(wanted: GenerationOptions, count: int) -> list[GenerateResult]:
    """The pictures; the first failure is told at once."""
    # A request with the same id would be answered with the same picture.
    ids = [g.request_id if count == 1 else f"{g.request_id}-{number}" for number in range(1, count + 1)]
    over = threading.Event()
    pool = ThreadPoolExecutor(count, "pictures")
    try:
        waiters = _admitted(count, over)
        under_way = [pool.submit(services().generation.generate, wanted, *it) for it in zip(ids, waiters, strict=True)]
        for done in as_completed(under_way):  # each ends by its own deadline, or when the service is stopped
            done.result()
        return [done.result().result for done in under_way]
    finally:
        over.set()
        pool.shutdown(wait=False)


def _admitted(count: int, over: threading.Event) -> list[Waiter]:
    """Return a waiter for each picture; all of them are admitted, or none, because one failure is that of all."""
    waiters = [waiter(given_up=over.is_set) for _ in range(count)]
    admission = services().generation.admission
    try:
        for it in waiters:
            admission.admit(it)
    except ApiError:
        for it in waiters:
            admission.release(it)
        raise
    return waiters


def _pictured(
    asked: Asked, wanted: GenerationOptions, made: list[GenerateResult], base: str, marks: list[str] | None = None
) -> Pictured:
    """The answer; with `marks`, one for each picture, these are in the place of the bytes."""
    data = [
        Picture(
            url=None if marks else absolute(result.image_url, base),
            b64_json=marks[number] if marks else None,
            revised_prompt=result.prompt if asked.style else None,
            seed=result.seed,
            width=result.width,
            height=result.height,
            engine=result.engine,
            fallback_from=result.fallback_from,
            ignored=result.ignored,
            expires_at=result.expires_at if not marks else None,
            note=result.note,
        )
        for number, result in enumerate(made)
    ]
    kinds = {result.content_type for result in made}
    sizes = {f"{result.width}x{result.height}" for result in made}
    return Pictured(
        created=int(time.time()),
        data=data,
        output_format=kinds.pop().removeprefix("image/") if len(kinds) == 1 else None,
        size=sizes.pop() if len(sizes) == 1 else None,
        model=wanted.model,
        simulated=True if any(result.simulated for result in made) else None,
    )


def _offered() -> ModelPage:
    known = services().worker.models(g.client)
    named = [
        OfferedModel(id=it.name, engine=it.engine, state=it.state, description=it.description) for it in known.models
    ]
    auto = _auto([it for it in known.models if it.answers_auto])
    return ModelPage(data=[auto, *named], simulated=known.simulated)


def _auto(engines: list[Model]) -> OfferedModel:
    states = [it.state for it in engines]
    state = "ready" if "ready" in states else next(iter(states), "down")
    names = ", ".join(it.name for it in engines) or "none at the moment"
    return OfferedModel(id=AUTO, state=state, description=f"Whichever can answer of: {names}.")


def _failure(body: ErrorBody, status: int) -> Failure:
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    extra: dict[str, Any] = body.model_dump(include=SAID_TOO, exclude_none=True)
    return Failure(error={"message": body.error, "type": kind, "param": _param(body), "code": body.code, **extra})


def _param(body: ErrorBody) -> str | None:
    named = NAMED.match(body.error) if body.code in ("invalid_parameter", "model_not_found") else None
    return named[1] if named else None


speak(routes, "/v1", _failure)
