"""The built-in workflows, for checkpoints such as those of Stable Diffusion 1.5 and XL."""

from typing import Any

Graph = dict[str, dict[str, Any]]
"""A workflow in API format: each node's `class_type` and `inputs`, by its id; a link is [node, output]."""

_SAMPLED: Graph = {
    "checkpoint": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "{{model}}"}},
    "positive": {"class_type": "CLIPTextEncode", "inputs": {"text": "{{prompt}}", "clip": ["checkpoint", 1]}},
    "negative": {"class_type": "CLIPTextEncode", "inputs": {"text": "{{negative_prompt}}", "clip": ["checkpoint", 1]}},
    "sampler": {
        "class_type": "KSampler",
        "inputs": {
            "seed": "{{seed}}",
            "steps": "{{steps}}",
            "cfg": "{{cfg}}",
            "sampler_name": "{{sampler}}",
            "scheduler": "{{scheduler}}",
            "denoise": "{{denoise}}",
            "model": ["checkpoint", 0],
            "positive": ["positive", 0],
            "negative": ["negative", 0],
            "latent_image": ["latent", 0],
        },
    },
    "decoded": {"class_type": "VAEDecode", "inputs": {"samples": ["sampler", 0], "vae": ["checkpoint", 2]}},
    "output": {"class_type": "PreviewImage", "inputs": {"images": ["decoded", 0]}},
}

OF_TEXT: Graph = {
    **_SAMPLED,
    "latent": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": "{{width}}", "height": "{{height}}", "batch_size": 1},
    },
}
OF_IMAGE: Graph = {
    **_SAMPLED,
    "image": {"class_type": "LoadImage", "inputs": {"image": "{{image}}"}},
    "scaled": {
        "class_type": "ImageScale",
        "inputs": {
            "image": ["image", 0],
            "upscale_method": "lanczos",
            "width": "{{width}}",
            "height": "{{height}}",
            "crop": "center",
        },
    },
    "latent": {"class_type": "VAEEncode", "inputs": {"pixels": ["scaled", 0], "vae": ["checkpoint", 2]}},
}
