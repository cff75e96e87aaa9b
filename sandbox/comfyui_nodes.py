"""ComfyUI's nodes, as nodes.py and execution.py in https://github.com/comfyanonymous/ComfyUI define and check them."""

from typing import Any

Graph = dict[str, dict[str, Any]]
CHECKPOINTS = ["sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly.ckpt"]
SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m"]
SCHEDULERS = ["normal", "karras", "simple"]
MOST = 16384  # of a side in pixels
SIDE: list[Any] = ["INT", {"default": 512, "min": 16, "max": MOST, "step": 8}]
INPUTS: dict[str, dict[str, list[Any]]] = {
    "CheckpointLoaderSimple": {"ckpt_name": [CHECKPOINTS, {}]},
    "UNETLoader": {"unet_name": [["flux1-schnell.safetensors"], {}]},
    "CLIPTextEncode": {"text": ["STRING", {"multiline": True, "dynamicPrompts": True}], "clip": ["CLIP", {}]},
    "EmptyLatentImage": {"width": SIDE, "height": SIDE, "batch_size": ["INT", {"min": 1, "max": 4096}]},
    "KSampler": {
        "model": ["MODEL", {}],
        "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1}],
        "steps": ["INT", {"default": 20, "min": 1, "max": 10000}],
        "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0}],
        "sampler_name": [SAMPLERS, {}],
        "scheduler": [SCHEDULERS, {}],
        "positive": ["CONDITIONING", {}],
        "negative": ["CONDITIONING", {}],
        "latent_image": ["LATENT", {}],
        "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}],
    },
    "VAEDecode": {"samples": ["LATENT", {}], "vae": ["VAE", {}]},
    "VAEEncode": {"pixels": ["IMAGE", {}], "vae": ["VAE", {}]},
    "LoadImage": {"image": ["STRING", {"image_upload": True}]},
    "ImageScale": {
        "image": ["IMAGE", {}],
        "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"], {}],
        "width": SIDE,
        "height": SIDE,
        "crop": [["disabled", "center"], {}],
    },
    "SaveImage": {"images": ["IMAGE", {}], "filename_prefix": ["STRING", {"default": "ComfyUI"}]},
    "PreviewImage": {"images": ["IMAGE", {}]},
    "SaveImageWebsocket": {"images": ["IMAGE", {}]},
}
OUTPUTS = ("SaveImage", "PreviewImage", "SaveImageWebsocket")
MAX_LISTED = 20  # of choices in a refusal


def definition(node: str, *, as_combo: bool) -> dict[str, object]:
    """Return a node's definition; `as_combo` in the newer form of choices."""
    required = {name: _combo(it) if as_combo else it for name, it in INPUTS[node].items()}
    return {"input": {"required": required}, "name": node, "output_node": node in OUTPUTS}


def problem(graph: object, known: set[str], files: set[str]) -> dict[str, object] | None:
    """Return the body of the refusal of a graph; None if it can be run."""
    if not isinstance(graph, dict) or not graph:
        return _refusal("no_prompt", "No prompt provided", "No prompt provided")
    for node, it in graph.items():
        if it.get("class_type") not in known:
            message = f"Cannot execute because node {it.get('class_type')} does not exist."
            return _refusal("invalid_prompt", message, f"Node ID '#{node}'")
    outputs = [node for node, it in graph.items() if it["class_type"] in OUTPUTS]
    if not outputs:
        return _refusal("prompt_no_outputs", "Prompt has no outputs", "")
    errors = {node: found for node, it in graph.items() if (found := _errors(graph, it, files))}
    if not errors:
        return None
    details = "\n".join(f"{error['message']}: {error['details']}" for found in errors.values() for error in found)
    refusal = _refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
    refusal["node_errors"] = {
        node: {"errors": found, "dependent_outputs": outputs, "class_type": graph[node]["class_type"]}
        for node, found in errors.items()
    }
    return refusal


def failure(node: str, played: str) -> dict[str, object]:
    """Return what the event of a node's failure says."""
    kind, message = ("RuntimeError", "Expected all tensors to be on the same device")
    if played == "oom":
        kind, message = ("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory.")
    return {
        "node_id": node,
        "node_type": "KSampler",
        "exception_type": kind,
        "exception_message": message,
        "traceback": ["File /home/ann/ComfyUI/execution.py, line 1"],
    }


def _errors(graph: Graph, node: dict[str, Any], files: set[str]) -> list[dict[str, object]]:
    errors = []
    for name, (kind, options) in INPUTS[node["class_type"]].items():
        if name not in node["inputs"]:
            errors.append(_error("required_input_missing", "Required input is missing", name))
            continue
        errors += _errors_of_value(graph, name, node["inputs"][name], kind, options)
    if node["class_type"] == "LoadImage" and node["inputs"].get("image") not in files:
        details = f"image - Invalid image file: {node['inputs'].get('image')}"
        errors.append(_error("custom_validation_failed", "Custom validation failed for node", details))
    return errors


def _errors_of_value(
    graph: Graph, name: str, value: Any, kind: object, options: dict[str, Any]
) -> list[dict[str, object]]:
    if isinstance(value, list):
        return [] if value and value[0] in graph else [_error("bad_linked_input", "Bad linked input", name)]
    if isinstance(kind, list):
        listed = f"(list of length {len(kind)})" if len(kind) > MAX_LISTED else str(kind)
        details = f"{name}: '{value}' not in {listed}"
        return [] if value in kind else [_error("value_not_in_list", "Value not in list", details)]
    if kind in ("INT", "FLOAT"):
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            details = f"{name}, {value}, {error}"
            return [_error("invalid_input_type", f"Failed to convert an input value to a {kind} value", details)]
        if number < options.get("min", number):
            return [_error("value_smaller_than_min", f"Value {value} smaller than min of {options['min']}", name)]
        if number > options.get("max", number):
            return [_error("value_bigger_than_max", f"Value {value} bigger than max of {options['max']}", name)]
    return []


def _combo(field: list[Any]) -> list[Any]:
    return ["COMBO", {**field[1], "options": field[0]}] if isinstance(field[0], list) else field


def _error(kind: str, message: str, details: str) -> dict[str, object]:
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _refusal(kind: str, message: str, details: str) -> dict[str, object]:
    return {"error": _error(kind, message, details), "node_errors": {}}
