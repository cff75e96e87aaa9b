"""Makes LoRA files for the tiny models, by peft as training scripts do, and as Kohya's scripts write them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from render_worker.engines.diffusers.loras.module_shapes import components_of
from render_worker.engines.diffusers.models.device import choose_device
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.models.loader import load as load_model
from render_worker.engines.diffusers.models.registry import ModelRegistry
from render_worker.engines.diffusers.settings import DiffusersSettings

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TEXT_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "proj_in")
RANK = 4

Tensors = dict[str, torch.Tensor]


def peft_tensors(
    pipe: Any,
    seed: int = 1,
    *,
    parts: Iterable[str] = ("unet", "transformer", "text_encoder", "text_encoder_2"),
    modules: Iterable[str] = ATTENTION,
    rank: int = RANK,
) -> Tensors:
    """Return a LoRA for a pipeline as peft makes it; the pipeline is used up by it."""
    tensors: Tensors = {}
    torch.manual_seed(seed)
    for name, part in components_of(pipe).items():
        if name in parts:
            targets = list(TEXT_ATTENTION if name.startswith("text") else modules)
            part.add_adapter(LoraConfig(r=rank, lora_alpha=rank, init_lora_weights=False, target_modules=targets))
            made = get_peft_model_state_dict(part)
            tensors |= {f"{name}.{key}": value.contiguous() for key, value in made.items()}
    return tensors


def kohya_tensors(tensors: Tensors, alpha: float = RANK) -> Tensors:
    """Return the same LoRA by the names that Kohya's scripts give to a U-Net of diffusers and to text encoders."""
    prefixes = {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}
    if not any(name.startswith("text_encoder_2") for name in tensors):
        prefixes["text_encoder"] = "lora_te_"
    made: Tensors = {}
    for name, value in tensors.items():
        component, _, rest = name.partition(".")
        module, _, part = rest.rpartition(".lora_")
        if component.startswith("text") and not module.startswith("text_model"):
            module = f"text_model.{module}"
        layer = prefixes[component] + module.replace(".", "_")
        made[f"{layer}.lora_{'down' if part.startswith('A') else 'up'}.weight"] = value.clone()
        made[f"{layer}.alpha"] = torch.tensor(float(alpha))
    return made


def save(tensors: Tensors, path: Path, metadata: dict[str, str] | None = None) -> Path:
    """Write a LoRA into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=metadata)
    return path


def new_model(models: Path, layout: str) -> LoadedModel:
    """Return the tiny model of a layout, loaded anew from the folder of all."""
    settings = DiffusersSettings(model_cache_dir=models, default_model_id=layout)
    return load_model(ModelRegistry(settings).find(layout), choose_device(settings))


def save_for(models: Path, layout: str, path: Path) -> Path:
    """Write a LoRA for the tiny model of a layout, and return its path."""
    return save(peft_tensors(new_model(models, layout).pipe, 1), path)


def load(path: Path) -> Tensors:
    """Return a file's tensors."""
    return dict(load_file(path))
