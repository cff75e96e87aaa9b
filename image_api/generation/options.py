"""The options of one generation: what a client of /generate can ask for, in a query or in a body."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, InstanceOf, PlainSerializer, WithJsonSchema

from image_api.generation.query_strings import query_pairs
from image_api.sent_images import SentImage
from image_api.styles import ACCEPTED, STYLES, StyleName
from render_worker.contract import (
    MAX_SEED,
    MAX_SIDE,
    MIN_SIDE,
    OPEN,
    SIDE_STEP,
    SIZE_PATTERN,
    GenerateRequest,
    GenerateResult,
    InvalidField,
    Preference,
    Recipe,
    Within,
    alternative_text,
    is_none,
    is_side,
    size_of,
)

MAX_PICTURES = 10  # of one request
MIN_TIMEOUT_SECONDS = 0.001  # the contract takes no time of 0
# Queries whose options are memoised, with those: parsing one takes a third of a cached response's time. Together they
# may take 4 MB.
MAX_MEMOISED, MAX_MEMOISED_BYTES = 512, 1024
RECIPE_FIELDS = set(Recipe.model_fields)  # of the options, those that decide how the picture looks

ONE_PICTURE = "n must be 1, or left out, where the answer is one picture; /sheet.png shows several as one."
SIZE_NAMES = {"size", "width", "height"}

IMAGE_NAMES = (
    *("init_image", "init_images", "input_image", "input_images", "source_image", "image_url", "image_urls"),
    *("images", "image[]", "images[]", "image[0]", "images[0]", "image_base64", "base64_image", "img"),
)
"""What other services call the picture to begin with, and how PHP and others name the files of a form."""
STEPS_NAMES = ("num_inference_steps", "inference_steps", "num_steps", "sampling_steps", "ddim_steps")
SCHEDULER_NAMES = ("sampler", "sampler_name", "sampler_index", "sampling_method")
COUNT_NAMES = ("count", "num", "num_images", "num_outputs", "samples")
STRENGTH_NAMES = ("denoising_strength", "image_strength", "prompt_strength")
SHARED_OTHER_NAMES = {
    **dict.fromkeys(COUNT_NAMES, "n is how many pictures are made"),
    **dict.fromkeys(("w", "h", "resolution"), "width and height, or size, are the pixels"),
    **dict.fromkeys(("ar", "aspect", "aspectratio", "ratio"), "aspect_ratio is its name"),
    **dict.fromkeys(("cfg", "cfg_scale", "guidance", "guidancescale"), "guidance_scale is its name"),
    **dict.fromkeys(("negative", "negativeprompt"), "negative_prompt is its name"),
    **dict.fromkeys(STEPS_NAMES, "steps is its name, from 1 to 100"),
    **dict.fromkeys(SCHEDULER_NAMES, "scheduler is its name"),
    **dict.fromkeys(("lora", "loras", "lora_name", "lora_id", "adapter"), "lora_path is its name"),
    **dict.fromkeys(("lora_weight", "lora_strength"), "lora_scale is its name, from 0 to 2"),
}
"""What other services call parameters that OpenAI's routes have here as well."""
OTHER_NAMES = {
    **SHARED_OTHER_NAMES,
    "quality": "output_compression is the quality of a jpeg or webp",
    "background": "no engine makes transparent pictures",
    "stream": "the header Accept: text/event-stream asks for events",
    "seeds": "GET /sheet.png makes a contact sheet of several",
    **dict.fromkeys(IMAGE_NAMES, "image is the one picture to begin with"),
    **dict.fromkeys(STRENGTH_NAMES, "strength is its name, from 0 to 1"),
    "mask": "no engine here edits a part of a picture",
    "partial_images": "previews=true asks an event stream for unfinished pictures",
    "webhook_url": "a job has it, which a POST with the header Prefer: respond-async makes",
}

ResponseFormat = Literal["url", "b64_json"]
Sent = Annotated[
    InstanceOf[SentImage],
    PlainSerializer(lambda image: image.digest),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""An image that a client sent, which a recipe knows by its digest."""


def _size(text: str) -> str | None:
    """Return a size, None for `auto`. Raises ValueError if a side is out of bounds."""
    if text.lower() == OPEN:
        return None
    if not all(map(is_side, size_of(text))):
        raise ValueError("a side out of bounds")
    return text


class GenerationOptions(Recipe):
    """A recipe, and how its result is cached and returned."""

    other_names = OTHER_NAMES
    internal_fields = frozenset({"negative_prompt_optional", "size_optional", "cache_without_seed"})

    format: Literal["json", "redirect", "image"] | None = Field(
        None, description="one of json, redirect, image; output_format is that of the file"
    )
    """JSON, a redirect to the picture, or the picture itself. If left out, the request's headers decide."""
    response_format: ResponseFormat = Field(
        "url", description="url or b64_json, which adds the picture itself to the JSON"
    )
    """`b64_json`: the file in base64 stands beside `image_url`, in an event stream's result, too."""
    size: Annotated[str, AfterValidator(_size), WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN})] | None = (
        Field(
            None,
            description=f"{OPEN}, a width and a height, multiples of {SIDE_STEP} from {MIN_SIDE} to {MAX_SIDE:,},"
            " like 1024x1024, or left out",
        )
    )
    """The same as `width` and `height`, as one."""
    style: StyleName | None = Field(None, description=f"{ACCEPTED}, or left out")
    """Both prompts get its words, which `GET /v1/styles` has; `prompt` in the response has them, `alt` has not."""
    n: int | None = Field(None, ge=1, le=MAX_PICTURES, description=f"an integer from 1 to {MAX_PICTURES}, or left out")
    """How many pictures. If it is given, the response has `images`, also for a single one."""
    image: Sent | None = Field(  # type: ignore[assignment]  # a client cannot send a digest in place of a picture
        None,
        description="one PNG, JPEG or WebP picture that comes by POST: as a file of multipart/form-data, or in JSON as"
        " base64 or a data URL; no address is fetched",
        exclude_if=is_none,
    )
    """What the picture begins with."""
    previews: bool = Field(False, description="true or false; previews come in event streams")
    """Whether progress shows the unfinished picture, as far as the engine has that."""
    cache: bool = Field(True, description="true or false")
    """`false`: make the picture anew."""
    within: Within = None
    """Seconds: only engines that are expected to be done by then are asked. It is no deadline."""
    prefer: Preference | None = Field(
        None, description="one of fast, free, quality, or left out; it only goes with model=auto"
    )
    """Which engines are asked first. If left out, the operator's order counts."""
    cache_without_seed: bool = False
    """Whether identical requests share a result even if they have no seed. Routes set it, not clients."""

    __slots__ = ("_memoised_key",)  # no private attribute: that would count for equality, and copies would have it
    _memoised_key: str

    def memoised_key(self, compute: Callable[[Recipe], str]) -> str:
        """Return what `compute` returns for the recipe in its style; it is called once for these options."""
        try:
            return self._memoised_key
        except AttributeError:
            key = compute(self.in_style())
            object.__setattr__(self, "_memoised_key", key)
            return key

    @property
    def opens_picture(self) -> bool:
        """Return whether the stored picture is opened in any case, so that a lost one is noticed then."""
        return self.embeds_picture or (self.format == "image" and self.output_format != "auto")

    @property
    def chooses_engine(self) -> bool:
        """Return whether the client says how the engine is chosen: such a request joins no other one's flight."""
        return self.within is not None or self.prefer is not None

    @property
    def embeds_picture(self) -> bool:
        """Return whether the JSON has the picture itself."""
        return self.response_format == "b64_json"

    def recipe(self) -> Recipe:
        """Return the recipe alone, in the style; with output_format=auto without the quality, which is a variant's."""
        return Recipe(**self._recipe_fields())

    def request(self, request_id: str, seconds: float) -> GenerateRequest:
        """Return what a render worker is asked for, within so many seconds."""
        return GenerateRequest(
            **self._recipe_fields(),
            request_id=request_id,
            timeout_seconds=max(seconds, MIN_TIMEOUT_SECONDS),
            within=self.within,
            prefer=self.prefer,
            previews=True if self.previews else None,
            as_size=True if self.size else None,
        )

    def _recipe_fields(self) -> dict[str, Any]:
        left_out = {"output_compression"} if self.output_format == "auto" else set()
        return self.in_style().model_dump(include=RECIPE_FIELDS - left_out)

    def as_asked(self, result: GenerateResult) -> GenerateResult:
        """Return the result of an equal request in the words of this one, which may have asked for the same size by
        other parameters, for the same prompt by a style, or for a LoRA by its other name.
        """
        ignored = result.ignored or []
        if not SIZE_NAMES.isdisjoint(ignored):
            ignored = sorted({*ignored} - SIZE_NAMES | self._size_names)
        aspect_ratio = None if "aspect_ratio" in ignored else self.aspect_ratio
        result = self.with_own_alt(result)
        lora_path = self.lora_path if result.lora_path else None
        if (aspect_ratio, ignored or None, lora_path) == (result.aspect_ratio, result.ignored, result.lora_path):
            return result
        own = {"aspect_ratio": aspect_ratio, "ignored": ignored or None, "lora_path": lora_path}
        return result.model_copy(update=own)

    def with_own_alt(self, result: GenerateResult) -> GenerateResult:
        """Return the result with the alternative text of the client's own words, without those of a style."""
        if not result.alt or result.alt == (own := alternative_text(self.prompt)):
            return result
        return result.model_copy(update={"alt": own})

    @property
    def _size_names(self) -> set[str]:
        """Return the parameters by which the client asked for an exact size."""
        if self.size or self.size_optional:
            return {"size"}
        return {name for name in ("width", "height") if getattr(self, name)}

    def in_style(self) -> Self:
        """Return the options with both prompts in the style. Raises InvalidField if one is too long for that."""
        if not self.style:
            return self
        style = STYLES[self.style]
        return self.model_copy(
            update={
                "prompt": style.applied_to(self.prompt),
                "negative_prompt": style.added_to(self.negative_prompt),
                "negative_prompt_optional": True if style.negative_prompt and not self.negative_prompt else None,
                "style": None,
            }
        )

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the options of name-value pairs. Raises InvalidField as Fields does, or if two contradict."""
        options = super().parse(pairs)
        if options.embeds_picture and options.format in ("redirect", "image"):
            raise InvalidField(f"response_format=b64_json adds to JSON; leave out format={options.format}.")
        if (options.n or 1) > 1 and options.format in ("redirect", "image"):
            raise InvalidField(ONE_PICTURE)
        options = options.with_room_for_seeds(options.n or 1, f"n={options.n}")
        options.in_style()  # the last check, which the prompt may fail
        return options

    def with_room_for_seeds(self, count: int, named: str) -> Self:
        """Return the options. Raises InvalidField if the seed leaves no room to count up; `named` gave the count."""
        last = MAX_SEED - count + 1
        if self.seed > last:
            raise InvalidField(f"seed must be {last} at most with {named}: each picture has the next one.")
        return self

    def series(self) -> list[Self]:
        """Return the options of each of the `n` pictures: with a seed, each after the first has the next one."""
        step = 0 if self.seed < 0 else 1
        return [self.model_copy(update={"seed": self.seed + step * index}) for index in range(self.n or 1)]

    @classmethod
    def _validated(cls, values: dict[str, object]) -> Self:
        options = super()._validated(values)
        return options._with_sides() if options.size else options._with_proportion_of_image()

    def _with_proportion_of_image(self) -> Self:
        """Return the options, with the image's proportion if they name no other."""
        if not self.image or "shape" in self.model_fields_set or self.width or self.height or self.aspect_ratio:
            return self
        return self.model_copy(update={"aspect_ratio": self.image.aspect_ratio})

    def _with_sides(self) -> Self:
        """Return the options with the width and height of `size`. Raises InvalidField if they are given as well."""
        for name in ("width", "height"):
            if getattr(self, name):
                raise InvalidField(f"{name} must be left out with size, which gives it.")
        width, height = size_of(self.size or "")
        return self.model_copy(update={"width": width, "height": height})

    @classmethod
    def parse_query(cls, query: bytes, **fixed: object) -> Self:
        """Return the options of a query string, and those that the address fixes. Raises InvalidField as `parse`."""
        if len(query) > MAX_MEMOISED_BYTES:
            return cls._parse_query(query, **fixed)
        options: Self = _parsed(cls, query, **fixed)
        return options

    @classmethod
    def _parse_query(cls, query: bytes, **fixed: object) -> Self:
        pairs = query_pairs(query)
        return cls.parse([*(pair for pair in pairs if pair[0] not in fixed), *fixed.items()])


@lru_cache(maxsize=MAX_MEMOISED)
def _parsed(model: type[GenerationOptions], query: bytes, **fixed: object) -> Any:
    """Return the options of a query, which can be shared: they are immutable."""
    return model._parse_query(query, **fixed)


def bounded(request: GenerateRequest, seconds: float, max_price: float | None) -> GenerateRequest:
    """Return a request with so many seconds left, and for so many US dollars at most."""
    left = max(seconds, MIN_TIMEOUT_SECONDS)
    return request.model_copy(update={"timeout_seconds": left, "max_price": max_price})
