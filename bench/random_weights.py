"""Stable Diffusion XL of full size with random weights, and LoRAs for any model: no download is needed to measure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from tests.diffusers import tiny

SPREAD = 0.02  # of the weights: the activations stay finite in bf16
LORA_LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
VOCABULARY = 49408  # CLIP's


def sdxl(device: str, dtype: torch.dtype, seed: int = 0) -> Any:
    """Return a pipeline with the sizes of stabilityai/stable-diffusion-xl-base-1.0."""
    tokenizer, second = tiny.clip_tokenizer(), tiny.clip_tokenizer(pad="!")
    make = _Maker(device, dtype, seed)
    return diffusers.StableDiffusionXLPipeline(
        vae=make.model(diffusers.AutoencoderKL, VAE),
        text_encoder=make.encoder(transformers.CLIPTextModel, tokenizer, CLIP_L),
        text_encoder_2=make.encoder(transformers.CLIPTextModelWithProjection, second, CLIP_G),
        tokenizer=tokenizer,
        tokenizer_2=second,
        unet=make.model(diffusers.UNet2DConditionModel, UNET),
        scheduler=diffusers.EulerDiscreteScheduler(timestep_spacing="leading", **tiny.NOISE),
        force_zeros_for_empty_prompt=True,
    )


CLIP_L: Mapping[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
CLIP_G: Mapping[str, Any] = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
UNET: Mapping[str, Any] = {
    "sample_size": 128,
    "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE: Mapping[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 1024,
    "scaling_factor": 0.13025,
    "force_upcast": False,  # as in madebyollin/sdxl-vae-fp16-fix
}


class _Maker:
    """Makes models on a device, without a copy in the machine's memory."""

    def __init__(self, device: str, dtype: torch.dtype, seed: int) -> None:
        self._device, self._dtype = device, dtype
        torch.manual_seed(seed)

    def encoder(self, kind: Any, tokenizer: Any, sizes: Mapping[str, Any]) -> Any:
        """Return a text encoder."""
        marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        config = transformers.CLIPTextConfig(vocab_size=VOCABULARY, **marks, **sizes)
        with torch.device("meta"):
            module = kind(config)
        return self._filled(module)

    def model(self, kind: Any, config: Mapping[str, Any]) -> Any:
        """Return a U-Net or a VAE."""
        with torch.device("meta"):
            module = kind(**config)
        return self._filled(module)

    def _filled(self, module: Any) -> Any:
        """Return a module of the meta device with weights of chance."""
        module = module.to(self._dtype).to_empty(device=self._device).requires_grad_(False)
        for name, parameter in module.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.fill_(1)
            else:
                parameter.normal_(std=SPREAD)
        for name, buffer in module.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1]).expand(buffer.shape))
        return module.eval()


def write_lora(unet: Any, path: Path, rank: int, seed: int = 0) -> Path:
    """Write a LoRA of peft's format for the attention of a U-Net, and return its path."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, module in unet.named_modules():
        if name.endswith(LORA_LAYERS):
            outputs, inputs = module.weight.shape
            tensors[f"unet.{name}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) * SPREAD
            tensors[f"unet.{name}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * SPREAD
    save_file(tensors, path)
    return path
