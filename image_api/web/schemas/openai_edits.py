"""OpenAI's requests that send pictures: edits and variations."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, InstanceOf, WithJsonSchema

from image_api.errors import Unsupported
from image_api.generation.options import IMAGE_NAMES, OTHER_NAMES, SHARED_OTHER_NAMES, STRENGTH_NAMES
from image_api.uploads import Upload
from image_api.web.picture_data import is_blank
from image_api.web.schemas.openai import EventFamily, ImagesRequest
from image_api.web.schemas.picture_request import LIKE
from render_worker.contract import Fields

MAX_IMAGES = 16
SHARED = ImagesRequest.model_fields
VARIATION = "a variation of this picture"
"""What engines are told in place of a prompt: each needs one, and an image says more."""
IMAGE_NAME = re.compile(r"images?(\[[0-9]*\])?")  # as OpenAI's own clients, PHP's and JSON bodies name it


def _known(upload: Upload) -> Upload:
    if not upload.content_type:
        raise ValueError("no picture of a known type")
    return upload


def _png(upload: Upload) -> Upload:
    if upload.content_type != "image/png":
        raise ValueError("no PNG")
    return upload


Picture = Annotated[InstanceOf[Upload], AfterValidator(_known)]
SHOWN = WithJsonSchema({"type": "string", "contentEncoding": "base64"})
"""How the document shows a picture; those of several are refused in the end, so it shows one."""
Mask = Annotated[InstanceOf[Upload], AfterValidator(_png), SHOWN]


class PictureFields(Fields):
    """Fields of a form or a JSON object that come with pictures."""

    other_names: ClassVar[Mapping[str, str]] = dict.fromkeys(IMAGE_NAMES, "image is the picture to begin with")

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the fields, with all pictures of any spelling of `image` together. Raises InvalidField."""
        pairs = list(pairs)
        images = [value for name, value in pairs if IMAGE_NAME.fullmatch(name) and not is_blank(value)]
        others = [(name, _only(value)) for name, value in pairs if not IMAGE_NAME.fullmatch(name)]
        together = [it for value in images for it in (value if isinstance(value, list) else [value])]
        return super().parse([*others, ("image", tuple(together))] if together else others)


def _only(value: object) -> object:
    """Return the one picture of a list of one; anything else unchanged."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Upload) else value


class EditRequest(PictureFields, ImagesRequest):
    """The body of POST /v1/images/edits: the fields of /v1/images/generations, and the pictures to edit."""

    other_names: ClassVar[Mapping[str, str]] = {
        **SHARED_OTHER_NAMES,
        **PictureFields.other_names,
        **{name: OTHER_NAMES[name] for name in STRENGTH_NAMES},
    }

    image: Annotated[tuple[Picture, ...], SHOWN] = Field(
        min_length=1, max_length=MAX_IMAGES, description="one PNG, JPEG or WebP picture"
    )
    mask: Mask | None = Field(None, description="one PNG picture, or left out")
    """What is to be edited: refused, as no engine here edits a part."""
    input_fidelity: Literal["high", "low"] | None = Field(None, description="high or low")
    """Without effect here."""
    strength: Annotated[float | None, LIKE["strength"]] = None
    event_family: ClassVar[EventFamily] = "image_edit"

    def only_image(self) -> Upload:
        """Return the image to edit. Raises Unsupported if there are several, or if there is a mask."""
        if len(self.image) > 1:
            raise Unsupported("No engine here makes one picture of several; send one image.")
        if self.mask:
            raise Unsupported(
                "No engine here edits a part of a picture by a mask; leave it out, and say in the prompt what changes."
            )
        return self.image[0]

    def _fields_of_image(self) -> dict[str, object]:
        return {"strength": self.strength}


class VariationRequest(PictureFields):
    """The body of POST /v1/images/variations."""

    image: Annotated[tuple[Picture], SHOWN] = Field(description="one PNG, JPEG or WebP picture")
    model: Annotated[str | None, SHARED["model"]] = None
    n: Annotated[int | None, SHARED["n"]] = None
    size: Literal["256x256", "512x512", "1024x1024"] | None = Field(
        None, description="one of 256x256, 512x512, 1024x1024"
    )
    response_format: Annotated[Literal["url", "b64_json"] | None, SHARED["response_format"]] = None
    user: Annotated[str | None, SHARED["user"]] = None

    def edit(self) -> ImagesRequest:
        """Return the request for pictures that the variations are: those of a prompt that says no more than that."""
        fields = {name: getattr(self, name) for name in ("model", "n", "size", "response_format", "user")}
        return ImagesRequest.parse([("prompt", VARIATION), *fields.items()])
