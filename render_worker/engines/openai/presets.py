"""What differs between servers of OpenAI's images API, as data: a preset for each kind of server.

Sources: OpenAI's Python client 3.57.0, xai-sdk 1.21.0, together 3.1.1, litellm 1.110.2, the documentation of Azure,
Nebius, DeepInfra, ModelScope and Pollinations, and the code of vLLM-Omni 0.30.0, SGLang, LocalAI
(core/http/endpoints/openai/image.go) and stable-diffusion.cpp (examples/server), all as of 2026. None was tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult

from render_worker.engines.openai.models import (
    CLASSIC,
    FLUX,
    GPT_IMAGE,
    GROK,
    OWN,
    POLLINATIONS,
    TOGETHER,
    ImageModel,
)
from render_worker.sizes import SizeRange, Sizes

SizeForm = Literal["size", "sides", "ratio", "own"]
"""`size` as WxH; `width` and `height`; `aspect_ratio` and `resolution`; `size` if it is exact, else `aspect_ratio`."""
Writing = Literal["fields", "bar", "tag"]
"""Where extensions are written: as fields; the negative prompt after a bar in the prompt; all in a tag there."""

EXTENSIONS = {name: name for name in ("seed", "negative_prompt", "guidance_scale", "strength")}
"""The parameters that servers take beyond OpenAI's, and the usual names of their fields."""
TAG = "sd_cpp_extra_args"
CODE = f"<{TAG}"
"""What stable-diffusion.cpp reads as the whole native request."""
ANY_RATIO = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1")


@dataclass(frozen=True)
class Preset:
    """How a kind of server is asked, and what it answers."""

    title: str
    hosts: tuple[str, ...] = ()
    """The hosts that are of this kind, their subdomains included."""
    path: str = "/v1"
    """The API's path, if an address has none."""
    key_header: str = "Authorization"
    needs_key: bool = True
    needs_model: bool = True
    default_model: str | None = None
    models: tuple[ImageModel, ...] = ()
    sizes: Sizes = CLASSIC
    """Of models that say nothing of theirs."""
    size_form: SizeForm = "size"
    response_format: str | None = "b64_json"
    extensions: Mapping[str, str] = field(default_factory=dict)
    """The parameters that it honours beyond OpenAI's, and its names for them."""
    writing: Writing = "fields"
    formats: tuple[str, ...] = ()
    """The values of `output_format` that it takes; none if it takes no such field."""
    edits: bool = False
    """Whether it has images/edits, as a form with a picture."""
    streams: bool = False
    """Whether it streams partial images."""
    is_asynchronous: bool = False
    """Whether it answers with a task, which is polled."""
    tells_seed: bool = False
    """Whether its answer says which seed was used."""
    origins: tuple[str, ...] = ()
    """From which its pictures may be fetched, beside its own."""
    reserved: tuple[str, ...] = ()
    """What a prompt must not hold, because the server reads it as code."""
    dollars: float | None = None
    """Of a picture, if its model does not say it."""


ALL_FORMATS = ("png", "jpeg", "webp")
SDK_LIKE = {name: name for name in ("seed", "negative_prompt", "guidance_scale")}

PRESETS: dict[str, Preset] = {
    "openai": Preset(
        "OpenAI",
        ("api.openai.com",),
        default_model="gpt-image-2",
        models=GPT_IMAGE,
        response_format=None,  # GPT image models do not take it: they always answer in base64
        formats=ALL_FORMATS,
        edits=True,
        streams=True,
    ),
    "azure": Preset(
        "Azure OpenAI",
        ("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"),
        path="/openai/v1",
        key_header="api-key",
        models=tuple(ImageModel(it.start, it.sizes, it.dollars) for it in GPT_IMAGE),  # Azure has ends of its own
        response_format=None,
        formats=ALL_FORMATS[:2],
        edits=True,
        streams=True,
    ),
    "xai": Preset(
        "xAI",
        ("api.x.ai",),
        default_model="grok-imagine-image",
        models=GROK,
        sizes=Sizes(),
        size_form="ratio",
        origins=("https://imgen.x.ai", "https://*.x.ai"),
    ),
    "together": Preset(
        "Together",
        ("api.together.ai", "api.together.xyz"),
        default_model="black-forest-labs/FLUX.1-schnell",
        models=TOGETHER,
        sizes=FLUX,
        size_form="sides",
        response_format="base64",
        extensions=SDK_LIKE,
        formats=ALL_FORMATS[:2],
        origins=("https://api.together.ai", "https://api.together.xyz"),
    ),
    "nebius": Preset(
        "Nebius",
        ("tokenfactory.nebius.com", "studio.nebius.com", "studio.nebius.ai"),
        sizes=FLUX,
        size_form="sides",
        extensions={name: name for name in ("seed", "negative_prompt")},
    ),
    "deepinfra": Preset("DeepInfra", ("api.deepinfra.com",), path="/v1/openai", sizes=FLUX),
    "modelscope": Preset(
        "ModelScope",
        ("api-inference.modelscope.cn",),
        sizes=FLUX,
        response_format=None,
        extensions={"seed": "seed", "negative_prompt": "negative_prompt", "guidance_scale": "guidance"},
        is_asynchronous=True,
        origins=("https://*.modelscope.cn", *(f"https://*.oss-cn-{it}.aliyuncs.com" for it in ("beijing", "hangzhou"))),
    ),
    "pollinations": Preset(
        "Pollinations",
        ("gen.pollinations.ai",),
        needs_model=False,
        default_model="zimage",
        models=POLLINATIONS,
        sizes=FLUX,
        extensions={name: name for name in ("seed", "guidance_scale")},
        origins=("https://gen.pollinations.ai", "https://image.pollinations.ai", "https://media.pollinations.ai"),
    ),
    "litellm": Preset("litellm's proxy", needs_key=False, models=GPT_IMAGE, edits=True, reserved=(CODE,)),
    "vllm-omni": Preset(
        "vLLM-Omni",
        needs_key=False,
        needs_model=False,
        sizes=OWN,
        extensions=SDK_LIKE,
        edits=True,
        reserved=(CODE,),
        dollars=0.0,
    ),
    "sglang": Preset(
        "SGLang",
        needs_key=False,
        needs_model=False,
        sizes=OWN,
        extensions=SDK_LIKE,
        reserved=(CODE,),
        dollars=0.0,
    ),
    "localai": Preset(
        "LocalAI",
        needs_key=False,
        sizes=OWN,
        extensions={name: name for name in ("seed", "negative_prompt")},
        writing="bar",
        reserved=("|", CODE),
        dollars=0.0,
    ),
    "sd.cpp": Preset(
        "stable-diffusion.cpp",
        needs_key=False,
        needs_model=False,
        sizes=OWN,
        extensions=EXTENSIONS,
        writing="tag",
        formats=ALL_FORMATS[:2],
        edits=True,
        reserved=(CODE, f"</{TAG}"),
        dollars=0.0,
    ),
    "image-generation-api": Preset(
        "the other Image Generation API",
        needs_key=False,
        needs_model=False,
        default_model="auto",
        sizes=Sizes(within=SizeRange(64, 4096, 8)),
        size_form="own",
        extensions=EXTENSIONS,
        formats=ALL_FORMATS,
        edits=True,
        streams=True,
        tells_seed=True,
    ),
    "compatible": Preset("the images API", needs_key=False, needs_model=False, reserved=(CODE,)),
}
"""By the name by which settings choose a kind. `compatible` is any server that is not known."""


def preset_of_host(address: SplitResult) -> str:
    """Return the kind of server at an address, by its host; `compatible` if that says nothing."""
    host = (address.hostname or "").lower().rstrip(".")
    kinds = (
        name
        for name, preset in PRESETS.items()
        if any(host == known or host.endswith(f".{known}") for known in preset.hosts)
    )
    return next(kinds, "compatible")
