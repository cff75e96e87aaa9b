"""What AUTOMATIC1111's stand-in can reply in place of a picture, or beside it."""

import json

CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 5.61 GiB already allocated)"
NANS = (
    "A tensor with all NaNs was produced in Unet. Use --disable-nan-check commandline argument to disable this check."
)
CRASHES = {"oom": ("OutOfMemoryError", CUDA), "nans": ("NansException", NANS)}
REPLIES: dict[str, tuple[int, str]] = {
    "gateway_timeout": (504, "upstream request timeout"),
    "nothing": (200, json.dumps({"images": [], "parameters": {}, "info": ""})),
    "null": (200, json.dumps({"images": None, "parameters": {}, "info": "{}"})),
    "not_base64": (200, json.dumps({"images": ["*é*"], "parameters": {}, "info": "{}"})),
    "wrong_types": (200, json.dumps({"images": {"0": 7}, "parameters": 7, "info": 7})),
    "list": (200, "[]"),
    "deep": (200, "[" * 100_000),
}
INFO = {"no_info": "", "odd_info": '{"all_seeds": ["7"], "seed": -5, "sd_model_name": {}}', "no_json_info": "Steps: 20"}
