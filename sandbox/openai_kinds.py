"""The kinds of servers of OpenAI's images API: what each takes, and how it answers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flask import Response

from sandbox.replies import json_reply

Fields = dict[str, object]
USUAL = frozenset({"prompt", "model", "n", "response_format"})
OPENAI = frozenset({"prompt", "model", "n", "size", "quality", "output_format", "stream", "partial_images"})
EXTENDED = frozenset({"seed", "negative_prompt", "guidance_scale"})
EXTRA = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")


@dataclass(frozen=True)
class Kind:
    """A kind of server."""

    fields: frozenset[str]
    """Those that it knows; another one is refused."""
    forms: tuple[str, ...] = ("b64_json", "url")
    """The values of `response_format` that it takes, the first of them if there is none."""
    errors: Literal["openai", "detail", "text"] = "openai"
    key_header: str = "Authorization"
    fixed_seed: int = 42
    """Which it takes if there is none in the request."""
    is_asynchronous: bool = False
    kept_here: bool = False
    """Whether an address of a picture is below its own."""


KINDS = {
    "openai": Kind(OPENAI, ("b64_json",)),
    "azure": Kind(OPENAI, ("b64_json",), key_header="api-key"),
    "xai": Kind(USUAL | {"aspect_ratio", "resolution"}, ("url", "b64_json")),
    "together": Kind(USUAL | EXTENDED | {"width", "height", "steps", "output_format"}, ("url", "base64")),
    "vllm-omni": Kind(USUAL | EXTENDED | {"size"}, ("b64_json",), "detail"),
    "sglang": Kind(USUAL | EXTENDED | {"size"}, ("url", "b64_json"), "detail", fixed_seed=1024),
    "localai": Kind(USUAL | {"size", "seed", "step"}, ("url", "b64_json"), kept_here=True),
    "sd.cpp": Kind(USUAL | {"size", "output_format"}, ("b64_json", "url"), "text"),
    "modelscope": Kind(USUAL | {"size", "seed", "negative_prompt", "guidance", "steps"}, is_asynchronous=True),
    "pollinations": Kind(USUAL | {"size", "seed", "guidance_scale", "quality"}, ("url", "b64_json")),
    "compatible": Kind(USUAL | EXTENDED | {"size"}),
}


def understood(name: str, fields: Mapping[str, object]) -> Fields:
    """Return the fields as the server reads them: what a prompt holds as code is taken out of it."""
    prompt = str(fields.get("prompt", ""))
    if name == "localai":
        positive, _, negative = prompt.partition("|")
        return {**fields, "prompt": positive, "negative_prompt": negative.partition("|")[0]}
    if name == "sd.cpp" and (found := EXTRA.search(prompt)):
        native = json.loads(found[1])
        guidance = native.pop("sample_params", {}).get("guidance", {}).get("txt_cfg", 7)
        return {**fields, **native, "guidance_scale": guidance, "prompt": EXTRA.sub("", prompt)}
    if name == "xai":
        across, down = map(int, str(fields.get("aspect_ratio", "1:1")).split(":"))
        return {**fields, "width": 256 * across, "height": 256 * down}
    return {**fields, **({"guidance_scale": fields["guidance"]} if "guidance" in fields else {})}


def refusal(name: str, fields: Mapping[str, object]) -> Response | None:
    """Return a refusal of fields that the kind does not take; None if it takes them."""
    kind = KINDS[name]
    for unknown in fields.keys() - kind.fields:
        return _refused(kind, f"Unknown parameter: '{unknown}'.", "unknown_parameter", unknown)
    if name != "sd.cpp" and fields.get("response_format", kind.forms[0]) not in kind.forms:
        return _refused(kind, f"response_format must be one of {kind.forms}.", "invalid_value", "response_format")
    if name in ("openai", "azure") and not _is_size_of_gpt_image(str(fields.get("size", "1024x1024"))):
        return _refused(kind, "Invalid size.", "invalid_value", "size")
    return None


def _is_size_of_gpt_image(size: str) -> bool:
    width, height = map(int, size.split("x"))
    shorter, longer = sorted((width, height))
    return width % 16 == height % 16 == 0 and longer <= 3 * shorter and longer <= 3840 and width * height >= 1024**2


def _refused(kind: Kind, message: str, code: str, param: str) -> Response:
    if kind.errors == "text":
        return json_reply({"error": message}, 400)
    if kind.errors == "detail":
        return json_reply({"detail": [{"loc": ["body", param], "msg": message, "type": "value_error"}]}, 422)
    return json_reply(
        {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}, 400
    )
