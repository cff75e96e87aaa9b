"""Folders of models whose weights are zeros: enough for what is read of a model before it is loaded."""

import json
import struct
from pathlib import Path
from typing import Any

NUMBERS = 8
PARTS = {
    "unet": ("diffusers", "UNet2DConditionModel", "diffusion_pytorch_model", {"sample_size": 64}),
    "vae": ("diffusers", "AutoencoderKL", "diffusion_pytorch_model", {"block_out_channels": [128, 256, 512, 512]}),
    "text_encoder": ("transformers", "CLIPTextModel", "model", {}),
}


def safetensors_file(tensors: dict[str, Any] | None = None) -> bytes:
    """Return a file with one tensor, or whose header is as given."""
    header = tensors or {"weight": {"dtype": "F32", "shape": [2, NUMBERS // 2], "data_offsets": [0, NUMBERS * 4]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(NUMBERS * 4)


def make_model(folder: Path, pipeline: str = "StableDiffusionPipeline", **unet: Any) -> Path:
    """Write a model; `unet` is of its U-Net's configuration."""
    index: dict[str, Any] = {"_class_name": pipeline, "scheduler": ["diffusers", "DDIMScheduler"]}
    index["tokenizer"] = ["transformers", "CLIPTokenizer"]
    for part, (library, name, stem, config) in PARTS.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps({**config, **(unet if part == "unet" else {})}))
        (folder / part / f"{stem}.safetensors").write_bytes(safetensors_file())
        index[part] = [library, name]
    for name, text in {"scheduler/scheduler_config.json": "{}", "tokenizer/tokenizer.json": "{}"}.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
