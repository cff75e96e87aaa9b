"""OpenAI's image API: its requests and its errors.

A parameter that no engine can honour is refused by name; one that changes nothing here is accepted and ignored.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from image_api.generation.options import (
    IMAGE_NAMES,
    MAX_PICTURES,
    SHARED_OTHER_NAMES,
    STRENGTH_NAMES,
    GenerationOptions,
)
from image_api.sent_images import SentImage
from image_api.web.schemas.error_format import ErrorFormat
from image_api.web.schemas.openai_models import AUTO, is_gpt_image
from image_api.web.schemas.picture_request import LIKE, PictureRequest, if_left_out, like
from render_worker.contract import ErrorBody, OutputFormat, Text

MAX_PARTIAL_IMAGES = 3
EventFamily = Literal["image_generation", "image_edit"]
"""How the types of a stream's events begin."""
EXTRA_FIELDS = {"hint", "retry_after", "expected_seconds", "fallback_from", "request_id"}
CODES = {"unauthorized": "invalid_api_key"}
"""OpenAI's own words for codes of ours."""
ANY_TEXT = "a text of up to 1,000 characters, or left out"
ONE_FRAME = "left out; no engine makes moving pictures"
PARAMETER = re.compile(
    r'"?(\w+)"? (?:and \w+ )*(?:must|is|was|cannot)\b'
)  # how a refusal's sentence begins, the render worker's too


class ImagesRequest(PictureRequest):
    """The body of POST /v1/images/generations; as with OpenAI, null is the same as left out."""

    other_names: ClassVar[Mapping[str, str]] = {
        **SHARED_OTHER_NAMES,
        **dict.fromkeys(
            ("image", "mask", "strength", *IMAGE_NAMES, *STRENGTH_NAMES),
            "POST /v1/images/edits takes an image to begin with",
        ),
    }

    model: Annotated[str | None, if_left_out(AUTO)] = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$",
        description="auto, or a name from /v1/models or of OpenAI's",
    )
    """OpenAI's own names stand for `auto`, unless they are names of models here."""
    n: Annotated[int | None, if_left_out(1)] = Field(
        None, ge=1, le=MAX_PICTURES, description=f"an integer from 1 to {MAX_PICTURES}"
    )
    """How many pictures."""
    response_format: Literal["url", "b64_json"] | None = Field(None, description="url or b64_json")
    """The default is base64 with a GPT image model, beside the address, and else the address."""
    output_format: Annotated[OutputFormat | None, if_left_out("png")] = Field(None, description=like("output_format"))
    stream: Annotated[bool | None, if_left_out(False)] = Field(None, description="true or false")
    """Whether each picture comes as an event, as soon as it is made."""
    # As /generate has them:
    output_compression: Annotated[int | None, LIKE["output_compression"]] = None
    seed: Annotated[int | None, LIKE["seed"], if_left_out(-1)] = None
    negative_prompt: Annotated[Text | None, LIKE["negative_prompt"]] = None
    guidance_scale: Annotated[float | None, LIKE["guidance_scale"], if_left_out(7.0)] = None
    steps: Annotated[int | None, LIKE["steps"]] = None
    scheduler: Annotated[str | None, LIKE["scheduler"]] = None
    lora_path: Annotated[str | None, LIKE["lora_path"]] = None
    lora_scale: Annotated[float | None, LIKE["lora_scale"]] = None
    # Accepted with the only values that can be honoured:
    background: Literal["auto", "opaque"] | None = Field(
        None, description="auto or opaque; no engine makes transparent pictures"
    )
    frame_count: None = Field(None, description=ONE_FRAME)
    frame_duration_ms: None = Field(None, description=ONE_FRAME)
    svg: None = Field(None, description="left out; output_format takes png, jpeg and webp")
    markup: None = Field(None, description="left out; say what the picture shall show in the prompt")
    partial_images: Annotated[int | None, if_left_out(0)] = Field(
        None, ge=0, le=MAX_PARTIAL_IMAGES, description=f"an integer from 0 to {MAX_PARTIAL_IMAGES}"
    )
    """How many previews of each picture a stream has at most."""
    # They change nothing here:
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = Field(
        None, description="one of auto, low, medium, high, xhigh, max, standard, hd"
    )
    """Without effect here, as the next four."""
    complexity: Literal["low", "medium", "high"] | None = Field(None, description="one of low, medium, high")
    moderation: Literal["auto", "low"] | None = Field(None, description="auto or low")
    user: str | None = Field(None, max_length=1000, description=ANY_TEXT)
    safety_identifier: str | None = Field(None, max_length=1000, description=ANY_TEXT)

    event_family: ClassVar[EventFamily] = "image_generation"

    @property
    def model_name(self) -> str:
        """Return the name of the model, `auto` if there is none."""
        return self.model or AUTO

    @property
    def with_usage(self) -> bool:
        """Return whether the client expects the usage of tokens, as of OpenAI's GPT image models."""
        return is_gpt_image(self.model_name)

    @property
    def with_bytes(self) -> bool:
        """Return whether the pictures come as base64."""
        default = "b64_json" if is_gpt_image(self.model_name) else "url"
        return bool(self.stream) or (self.response_format or default) == "b64_json"

    @property
    def with_url(self) -> bool:
        """Return whether the pictures come with their URLs: also where only the default is base64."""
        return self.response_format != "b64_json"

    def pictures(self, model: str, image: SentImage | None = None) -> list[GenerationOptions]:
        """Return the options of each picture, made by `model`, that may begin with an image.

        With a seed, each picture after the first has the next one. Raises InvalidField if that would be too large, or
        if the style leaves no room for the prompt.
        """
        fields = {"image": image, **self._fields_of_image()} if image else {}
        return self._options(model, fields).series()

    def _fields_of_image(self) -> dict[str, object]:
        """Return the fields that go with an image."""
        return {}

    def _options(self, model: str, fields: dict[str, object]) -> GenerationOptions:
        return self.options_with(
            {
                **fields,
                "previews": True if self.stream and self.partial_images else None,
                "negative_prompt": self.negative_prompt,
                "seed": self.seed,
                "n": self.n,
                "guidance_scale": self.guidance_scale,
                "steps": self.steps,
                "scheduler": self.scheduler,
                "lora_path": self.lora_path,
                "lora_scale": self.lora_scale,
                "model": model,
                "output_format": self.output_format,
                "output_compression": self.output_compression,
            }
        )


class OpenAIError(ErrorFormat):
    """An error as OpenAI's clients know it."""

    error: dict[str, Any]
    simulated: bool | None = None

    @classmethod
    def of(cls, body: ErrorBody, status: int, /) -> Self:
        """Return the error in OpenAI's format."""
        kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
        fields = {"message": body.error, "type": kind, "param": parameter_named(body)}
        fields["code"] = CODES.get(body.code, body.code)
        return cls(error={**fields, **body.model_dump(include=EXTRA_FIELDS, exclude_none=True)})


def parameter_named(body: ErrorBody) -> str | None:
    """Return the parameter that an error's sentence names; None if it is not about one."""
    named = PARAMETER.match(body.error) if body.code in ("invalid_parameter", "model_not_found") else None
    return named[1] if named else None
