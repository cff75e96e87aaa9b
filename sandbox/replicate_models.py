"""Some models at Replicate: their inputs, as cog describes them, and what Replicate says about an invalid one.

The first two are as on their pages in autumn 2026, with the pixels that github.com/replicate/cog-flux has for their
ratios; SDXL is as in replicate-python's recorded replies, without what is unused here. `sandbox/…` are made up: for
bounds, for the other ways in which models take a size, and for a missing prompt.
"""

SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
PIXELS = {
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "4:3": (1152, 896),
    "5:4": (1088, 896),
    "1:1": (1024, 1024),
}
RATIOS = ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]
REF = "#/components/schemas/"
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool}

Schemas = dict[str, object]


def _schemas(inputs: dict[str, object], required: tuple[str, ...], **enums: list[str]) -> Schemas:
    """Return schemas with an Input; enums are apart and referred to, as cog writes them."""
    apart = {name: {"enum": values, "type": "string", "title": name} for name, values in enums.items()}
    referred = {name: {"allOf": [{"$ref": f"{REF}{name}"}], "default": enums[name][0]} for name in enums}
    properties = {**inputs, **referred}
    return {"Input": {"type": "object", "required": list(required), "properties": properties}, **apart}


PROMPT = {"type": "string", "title": "Prompt", "x-order": 0}
SEED = {"type": "integer", "title": "Seed", "nullable": True}
OUTPUTS = {"type": "integer", "default": 1, "maximum": 4, "minimum": 1}
FLUX: dict[str, object] = {
    "prompt": PROMPT,
    "seed": SEED,
    "num_outputs": OUTPUTS,
    "go_fast": {"type": "boolean", "default": True},
    "output_quality": {"type": "integer", "default": 80, "maximum": 100, "minimum": 0},
    "disable_safety_checker": {"type": "boolean", "default": False},
}
ENUMS = {"aspect_ratio": RATIOS, "output_format": ["webp", "jpg", "png"], "megapixels": ["1", "0.25"]}
GUIDANCE = {"type": "number", "default": 3, "maximum": 10, "minimum": 0}
SIDE = {"type": "integer", "default": 1024}
BOUNDED = {"type": "integer", "maximum": 1440, "nullable": True}
SIDES = ("width", "height")

SCHEMAS: dict[str, Schemas] = {
    "black-forest-labs/flux-schnell": _schemas(FLUX, ("prompt",), **ENUMS),
    "black-forest-labs/flux-dev": _schemas({**FLUX, "guidance": GUIDANCE}, ("prompt",), **ENUMS),
    f"stability-ai/sdxl:{SDXL}": _schemas(
        {
            "prompt": {**PROMPT, "default": "An astronaut riding a rainbow unicorn"},
            "negative_prompt": {"type": "string", "default": ""},
            "width": SIDE,
            "height": SIDE,
            "seed": SEED,
            "num_outputs": OUTPUTS,
            "guidance_scale": {"type": "number", "default": 7.5, "maximum": 50, "minimum": 1},
            "disable_safety_checker": {"type": "boolean", "default": False},
        },
        (),
        refine=["no_refiner", "expert_ensemble_refiner"],
    ),
    "sandbox/limited": _schemas(
        {
            "prompt": PROMPT,
            "seed": {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 9}, {"type": "null"}]},
            "cfg": {"type": "integer", "minimum": 2, "maximum": 4},
        },
        ("prompt",),
        aspect_ratio=["match_input_image", "9:16", "16:9"],
    ),
    "sandbox/custom": _schemas(
        {"prompt": PROMPT, "width": {"minimum": 256, **BOUNDED}, "height": {"minimum": 256, **BOUNDED}},
        ("prompt",),
        aspect_ratio=["1:1", "16:9", "custom"],
        output_format=["webp", "jpg"],
    ),
    "sandbox/steps": {
        **_schemas(
            {"prompt": PROMPT, **{name: {"allOf": [{"$ref": f"{REF}{name}"}], "default": 768} for name in SIDES}},
            ("prompt",),
        ),
        **{name: {"type": "integer", "enum": list(range(128, 1025, 64))} for name in SIDES},
    },
    "sandbox/named": _schemas({"prompt": PROMPT}, ("prompt",), size=["1024x1024", "1365x1024", "1024x1536"]),
    "sandbox/upscaler": _schemas({"image": {"type": "string", "format": "uri"}}, ("image",)),
}


ABSURD = 10**400
ODD_SCHEMAS: dict[str, Schemas] = {
    "model_no_schema": {},
    "model_absurd": {"Input": {"properties": {"prompt": [], "seed": {"maximum": float("nan")}, "width": 3}}},
    "model_boundless": {
        "Input": {
            "properties": {
                "prompt": PROMPT,
                "seed": {"minimum": -ABSURD, "maximum": ABSURD},
                "guidance_scale": {"maximum": ABSURD, "default": ABSURD},
                "width": {"default": 10**300, "maximum": ABSURD},
                "height": {"default": 10**300, "minimum": -ABSURD},
            }
        }
    },
}


def size_of(given: dict[str, object]) -> tuple[int, int]:
    """Return the width and height that an input asks for: by its sides, by a size, or by a ratio of FLUX's."""
    if "width" in given:
        return int(str(given["width"])), int(str(given["height"]))
    if "size" in given:
        width, _, height = str(given["size"]).partition("x")
        return int(width), int(height)
    ratio = str(given.get("aspect_ratio", "1:1"))
    turned = ":".join(reversed(ratio.split(":")))
    across, down = PIXELS[ratio] if ratio in PIXELS else PIXELS[turned][::-1]
    return (across // 2, down // 2) if given.get("megapixels") == "0.25" else (across, down)


def input_errors(schemas: Schemas, given: dict[str, object]) -> str:
    """Return what Replicate says about such an input, a line for each error; "" if it is valid."""
    about = schemas["Input"]
    assert isinstance(about, dict)  # noqa: S101 - SCHEMAS has it so
    lines = [f"- input: {name} is required" for name in about["required"] if name not in given]
    for name, value in given.items():
        schema = about["properties"].get(name)
        error = _input_error(name, value, schema, schemas) if schema else "Additional property is not allowed"
        lines += [f"- input.{name}: {error}"] if error else []
    return "".join(f"{line}\n" for line in lines)


def _input_error(name: str, value: object, schema: dict[str, object], schemas: Schemas) -> str:
    options = schema.get("anyOf")
    rules = {**schema, **(options[0] if isinstance(options, list) else {})}
    apart = schemas.get(name)
    rules = {**(apart if isinstance(apart, dict) else {}), **rules}
    values, kind = rules.get("enum"), str(rules.get("type", "string"))
    if not isinstance(value, KINDS[kind]) or isinstance(value, bool) != (kind == "boolean"):  # type: ignore[arg-type]
        return f"Invalid type. Expected: {kind}"
    if isinstance(values, list) and value not in values:
        return f"{name} must be one of the following: " + ", ".join(f'"{one}"' for one in values)
    low, high = rules.get("minimum"), rules.get("maximum")
    if isinstance(value, int | float) and isinstance(low, int) and value < low:
        return f"Must be greater than or equal to {low}"
    if isinstance(value, int | float) and isinstance(high, int) and value > high:
        return f"Must be less than or equal to {high}"
    return ""
