"""OpenAI's image API: its requests, responses and errors.

A parameter that no engine can honour is refused by name; one that changes nothing here is accepted and ignored.
"""

import re
import time
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from image_api.generation.options import GenerationOptions
from image_api.shapes import nearest
from image_api.styles import ACCEPTED, STYLES, StyleName
from image_api.web.responses import absolute_url
from render_worker.contract import (
    ErrorBody,
    Fields,
    GenerateResult,
    Model,
    ModelList,
    OutputFormat,
    PassedOver,
    Recipe,
    Text,
)

AUTO = "auto"
OPENAI_MODEL = re.compile(r"dall-e-[0-9]+|(gpt|chatgpt)-image-.+")  # those that are known, and those to come
MAX_PICTURES = 4
OWNER = "image-api"
EXTRA_FIELDS = {"hint", "retry_after", "expected_seconds", "fallback_from", "request_id"}
UNKNOWN_DATE = 0  # of a model; OpenAI's clients require a number
ANY_TEXT = "a text of up to 1,000 characters, or left out"
PARAMETER = re.compile(r'"?(\w+)"? (?:must|is|was)\b')  # how a refusal's sentence begins, the render worker's too


class ImagesRequest(Fields):
    """The body of POST /v1/images/generations; as with OpenAI, null is the same as left out."""

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
    # Accepted with the only value that can be honoured:
    background: Literal["auto", "opaque"] | None = Field(
        None, description="auto or opaque; no engine makes transparent pictures"
    )
    output_compression: Literal[100] | None = Field(None, description="100; how strongly is not to be chosen here")
    stream: Literal[False] | None = Field(None, description="false or left out; the answer comes as a whole")
    partial_images: Literal[0] | None = Field(None, description="0 or left out; the answer comes as a whole")
    # Ignored:
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = Field(
        None, description="one of auto, low, medium, high, xhigh, max, standard, hd"
    )
    complexity: Literal["low", "medium", "high"] | None = Field(None, description="one of low, medium, high")
    moderation: Literal["auto", "low"] | None = Field(None, description="auto or low")
    user: str | None = Field(None, max_length=1000, description=ANY_TEXT)
    safety_identifier: str | None = Field(None, max_length=1000, description=ANY_TEXT)

    def options(self) -> GenerationOptions:
        """Return the options of each picture. Raises InvalidField if the style leaves no room for the prompt."""
        width, height = (1, 1) if self.size in (None, "auto") else map(int, str(self.size).split("x"))
        fields = {
            "prompt": self.prompt,
            "shape": nearest(width, height),
            "model": served_model(self.model or AUTO),
            "output_format": self.output_format or "png",
        }
        options = GenerationOptions.parse(fields.items())
        return options.styled_by(STYLES[self.style]) if self.style else options


class Image(BaseModel):
    """One picture, as `url` or `b64_json`."""

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

    @classmethod
    def of(cls, result: GenerateResult, *, styled: bool, url: str | None, b64_json: str | None) -> Self:
        """Return a result as OpenAI's clients know it."""
        return cls(
            url=url,
            b64_json=b64_json,
            revised_prompt=result.prompt if styled else None,
            seed=result.seed,
            width=result.width,
            height=result.height,
            engine=result.engine,
            fallback_from=result.fallback_from,
            ignored=result.ignored,
            expires_at=result.expires_at if url else None,
            note=result.note,
        )


class ImagesResponse(BaseModel):
    """The pictures, and of OpenAI's fields about them those that are true of all."""

    created: int
    data: list[Image]
    background: Literal["opaque"] = "opaque"
    output_format: str | None = None
    size: str | None = None
    model: str
    """The model that served the one of the request."""
    simulated: bool | None = None

    @classmethod
    def with_urls(cls, body: ImagesRequest, results: list[GenerateResult], base: str) -> Self:
        """Return the response with the URL of each picture."""
        styled = body.style is not None
        urls = [absolute_url(it.image_url, base) for it in results]
        data = [Image.of(it, styled=styled, url=url, b64_json=None) for it, url in zip(results, urls, strict=True)]
        return cls._of(body, results, data)

    @classmethod
    def with_bytes(cls, body: ImagesRequest, results: list[GenerateResult], placeholders: list[str]) -> Self:
        """Return the response with a placeholder for the bytes of each picture."""
        styled = body.style is not None
        data = [
            Image.of(it, styled=styled, url=None, b64_json=placeholder)
            for it, placeholder in zip(results, placeholders, strict=True)
        ]
        return cls._of(body, results, data)

    @classmethod
    def _of(cls, body: ImagesRequest, results: list[GenerateResult], data: list[Image]) -> Self:
        mimetypes = {it.content_type for it in results}
        sizes = {f"{it.width}x{it.height}" for it in results}
        return cls(
            created=int(time.time()),
            data=data,
            output_format=mimetypes.pop().removeprefix("image/") if len(mimetypes) == 1 else None,
            size=sizes.pop() if len(sizes) == 1 else None,
            model=served_model(body.model or AUTO),
            simulated=True if any(it.simulated for it in results) else None,
        )


class OpenAIModel(BaseModel):
    """A model as OpenAI's clients know it, and its state."""

    id: str
    object: Literal["model"] = "model"
    created: int = UNKNOWN_DATE
    owned_by: str = OWNER
    engine: str | None = None
    state: str
    description: str
    simulated: bool | None = None

    @classmethod
    def auto(cls, engines: list[Model]) -> Self:
        """Return the model `auto`, which is as available as the best of these engines."""
        states = [it.state for it in engines]
        state = "ready" if "ready" in states else next(iter(states), "down")
        names = ", ".join(it.name for it in engines) or "none at the moment"
        return cls(id=AUTO, state=state, description=f"Whichever can answer of: {names}.")


class OpenAIModelList(BaseModel):
    """Every model, on the one page that there is."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]
    simulated: bool | None = None

    @classmethod
    def of(cls, known: ModelList) -> Self:
        """Return the render worker's models, `auto` first."""
        named = [
            OpenAIModel(id=it.name, engine=it.engine, state=it.state, description=it.description) for it in known.models
        ]
        auto = OpenAIModel.auto([it for it in known.models if it.answers_auto])
        return cls(data=[auto, *named], simulated=known.simulated)


class OpenAIError(BaseModel):
    """An error as OpenAI's clients know it."""

    error: dict[str, Any]
    simulated: bool | None = None

    @classmethod
    def of(cls, body: ErrorBody, status: int) -> Self:
        """Return the error in OpenAI's format."""
        kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
        fields = {"message": body.error, "type": kind, "param": parameter_named(body), "code": body.code}
        return cls(error={**fields, **body.model_dump(include=EXTRA_FIELDS, exclude_none=True)})


def served_model(name: str) -> str:
    """Return the model that serves a name: `auto` for OpenAI's own, else the name itself."""
    return AUTO if OPENAI_MODEL.fullmatch(name) else name


def parameter_named(body: ErrorBody) -> str | None:
    """Return the parameter that an error's sentence names; None if it is not about one."""
    named = PARAMETER.match(body.error) if body.code in ("invalid_parameter", "model_not_found") else None
    return named[1] if named else None
