"""LoRA files and the shapes of a model, made without PyTorch."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

from render_worker.engines.diffusers.loras.module_shapes import Target

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1}

Shapes = Mapping[str, tuple[int, ...]]


def file_of(shapes: Shapes, dtype: str = "F16", metadata: dict[str, str] | None = None) -> bytes:
    """Return a .safetensors file with tensors of these shapes, all zero."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def save(path: Path, shapes: Shapes, dtype: str = "F16") -> Path:
    """Write a .safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_of(shapes, dtype))
    return path


def pair(
    layer: str, inputs: int, outputs: int, rank: int = 4, kernel: tuple[int, ...] = ()
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer's two tensors, by peft's names."""
    ones = tuple(1 for _ in kernel)
    return {f"{layer}.lora_A.weight": (rank, inputs, *kernel), f"{layer}.lora_B.weight": (outputs, rank, *ones)}


def kohya_pair(layer: str, inputs: int, outputs: int, rank: int = 4) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer's three tensors, by Kohya's names."""
    return {
        f"{layer}.lora_down.weight": (rank, inputs),
        f"{layer}.lora_up.weight": (outputs, rank),
        f"{layer}.alpha": (),
    }


def xl_targets() -> list[Target]:
    """Return layers of Stable Diffusion XL, of each kind some."""
    attention = "transformer_blocks.0.attn2"
    linear = {
        f"down_blocks.1.attentions.0.{attention}.to_q": (640, 640),
        f"down_blocks.1.attentions.1.{attention}.to_v": (640, 2048),
        f"mid_block.attentions.0.{attention}.to_out.0": (1280, 1280),
        f"up_blocks.0.attentions.2.{attention}.to_k": (1280, 2048),
        "up_blocks.0.attentions.0.transformer_blocks.9.ff.net.0.proj": (10240, 1280),
        "up_blocks.1.resnets.2.time_emb_proj": (640, 1280),
        "time_embedding.linear_2": (1280, 1280),
    }
    convolutions = {
        "conv_in": (320, 4),
        "down_blocks.0.resnets.0.conv1": (320, 320),
        "down_blocks.0.resnets.1.conv2": (320, 320),
        "down_blocks.0.downsamplers.0.conv": (320, 320),
        "mid_block.resnets.1.conv1": (1280, 1280),
        "up_blocks.0.upsamplers.0.conv": (1280, 1280),
    }
    encoder = "encoder.layers.0.self_attn"
    return [
        *(Target("unet", name, *sides) for name, sides in linear.items()),
        *(Target("unet", name, *sides, (3, 3)) for name, sides in convolutions.items()),
        Target("text_encoder", f"{encoder}.q_proj", 768, 768),
        Target("text_encoder_2", f"text_model.{encoder}.out_proj", 1280, 1280),
    ]
