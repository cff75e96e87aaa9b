"""The bodies of POST /v1/txt2img and /v1/img2img, in the parameters of Stable Diffusion's services."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from image_api.generation.options import IMAGE_NAMES, MAX_PICTURES, OTHER_NAMES, STRENGTH_NAMES, GenerationOptions
from image_api.sent_images import SentImage
from image_api.web.parameter_names import NAMES, OWN_NAMES
from image_api.web.schemas.openai_edits import SHOWN, Picture, PictureFields
from image_api.web.schemas.picture_request import LIKE, if_left_out
from render_worker.contract import KEEPING_ENGINE, MAX_STEPS, MODEL_PATTERN, Fields, InvalidField, Text

SIZES = "width and height are the pixels"


class TextToImageRequest(Fields):
    """The body of POST /v1/txt2img; null is the same as left out."""

    other_names: ClassVar[Mapping[str, str]] = {
        **{name: instead for name, instead in OTHER_NAMES.items() if name not in OWN_NAMES},
        **{name: f"{theirs} is its name here" for name, theirs in NAMES.items()},
        **dict.fromkeys(("num_steps", "inference_steps", "sampling_steps"), "num_inference_steps is its name"),
        **dict.fromkeys(("count", "num", "num_outputs", "samples"), "num_images is how many pictures are made"),
        **dict.fromkeys(("sampler", "sampler_name", "sampler_index"), "scheduler is its name"),
        **dict.fromkeys(("lora", "loras"), "lora_path is its name"),
        **dict.fromkeys(("size", "resolution", "aspect_ratio", "shape", "w", "h"), SIZES),
        **dict.fromkeys(
            ("image", "strength", "denoising_strength", *IMAGE_NAMES), "POST /v1/img2img takes an image to begin with"
        ),
        **dict.fromkeys(("output_format", "format", "response_format"), "the pictures are PNGs in base64"),
    }

    prompt: Text = Field(description=LIKE["prompt"].description)
    negative_prompt: Annotated[Text | None, LIKE["negative_prompt"]] = None
    model_id: str | None = Field(None, pattern=MODEL_PATTERN, description="auto, a name from /v1/models, or left out")
    """The model; if left out, that of DEFAULT_MODEL_ID, or any engine's if `diffusers` is not enabled."""
    num_inference_steps: int | None = Field(
        None, ge=1, le=MAX_STEPS, description=f"an integer from 1 to {MAX_STEPS}, or left out"
    )
    """Denoising steps; if left out, the engine decides."""
    guidance_scale: Annotated[float | None, if_left_out(7.0)] = Field(
        None, ge=1, le=20, allow_inf_nan=False, description="a number from 1 to 20, or left out"
    )
    width: Annotated[int | None, LIKE["width"]] = None
    """Pixels, with `height`. Each model has a range of its own: that of `sd-xl-base` is 512 to 1,024."""
    height: Annotated[int | None, LIKE["height"]] = None
    """Pixels, with `width`."""
    seed: Annotated[int | None, LIKE["seed"], if_left_out(-1)] = None
    """With -1 one is drawn, and the response has it. The same request with the same seed gets the same pictures."""
    num_images: Annotated[int | None, if_left_out(1)] = Field(
        None, ge=1, le=MAX_PICTURES, description=f"an integer from 1 to {MAX_PICTURES}, or left out"
    )
    """How many pictures; with a seed, each after the first has the next one."""
    scheduler: Annotated[str | None, LIKE["scheduler"]] = None
    lora_path: Annotated[str | None, LIKE["lora_path"]] = None
    lora_scale: Annotated[float | None, LIKE["lora_scale"]] = None

    @property
    def needed_model(self) -> str | None:
        """Return the model that the request needs, also if it names none; None if any would do."""
        if self.lora_path and self.model_id in (None, "auto"):
            return KEEPING_ENGINE
        return self.model_id

    def options(self, model: str, image: SentImage | None = None) -> GenerationOptions:
        """Return the options of the pictures, made by `model`, that may begin with an image.

        Raises InvalidField if two of the fields contradict each other.
        """
        for given, missing in (("width", "height"), ("height", "width")):
            if getattr(self, given) and not getattr(self, missing):
                raise InvalidField(f"{missing} is required with {given}.")
        shared = type(self).model_fields.keys() & GenerationOptions.model_fields.keys()
        fields = {name: getattr(self, name) for name in sorted(shared)}
        fields |= {"model": model, "steps": self.num_inference_steps, "image": image}
        options = GenerationOptions.parse((name, value) for name, value in fields.items() if value is not None)
        count = self.num_images or 1
        return options.with_room_for_seeds(count, f"num_images={count}").model_copy(update={"n": count})


class ImageToImageRequest(PictureFields, TextToImageRequest):
    """The body of POST /v1/img2img: the fields of /v1/txt2img, and the image that the pictures begin with."""

    other_names: ClassVar[Mapping[str, str]] = {
        **TextToImageRequest.other_names,
        **PictureFields.other_names,
        **{name: OTHER_NAMES[name] for name in STRENGTH_NAMES},
    }

    image: Annotated[tuple[Picture], SHOWN] = Field(description="one PNG, JPEG or WebP picture")
    strength: Annotated[float | None, LIKE["strength"]] = None
