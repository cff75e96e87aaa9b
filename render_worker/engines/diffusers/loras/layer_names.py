"""What the file formats call a model's layers.

peft and diffusers call them as the pipeline does. Kohya's scripts put underscores for the dots, and for SDXL, SD 3 and
FLUX begin with the names of the models' first code: https://github.com/kohya-ss/sd-scripts, networks/.
"""

import re
from collections.abc import Iterable, Iterator

from render_worker.engines.diffusers.loras.module_shapes import Target

Layers = dict[str, tuple[Target, ...]]
"""The layers by every name that a file may have for them; several if the file has one tensor for all of them."""

_KOHYA = {
    "unet": ("lora_unet_",),
    "transformer": ("lora_unet_", "lora_transformer_"),
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
}
_OLD_TEXT_LAYERS = {".q_proj": ".to_q", ".k_proj": ".to_k", ".v_proj": ".to_v", ".out_proj": ".to_out"}

_UNET_LAYERS = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_RESNET_LAYERS = {
    "conv1": "in_layers.2",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_MIDDLE_BLOCK = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")

# Each name may stand for several layers: then a file has one tensor for them, their outputs one after the other.
_TRANSFORMER_LAYERS: dict[str, tuple[str, ...]] = {
    # FLUX
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "time_in.in_layer": ("time_text_embed.timestep_embedder.linear_1",),
    "time_in.out_layer": ("time_text_embed.timestep_embedder.linear_2",),
    "vector_in.in_layer": ("time_text_embed.text_embedder.linear_1",),
    "vector_in.out_layer": ("time_text_embed.text_embedder.linear_2",),
    "guidance_in.in_layer": ("time_text_embed.guidance_embedder.linear_1",),
    "guidance_in.out_layer": ("time_text_embed.guidance_embedder.linear_2",),
    # SD 3
    "x_embedder.proj": ("pos_embed.proj",),
    "t_embedder.mlp.0": ("time_text_embed.timestep_embedder.linear_1",),
    "t_embedder.mlp.2": ("time_text_embed.timestep_embedder.linear_2",),
    "y_embedder.mlp.0": ("time_text_embed.text_embedder.linear_1",),
    "y_embedder.mlp.2": ("time_text_embed.text_embedder.linear_2",),
    # Both
    "final_layer.linear": ("proj_out",),
}
_TRANSFORMER_BLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "transformer_blocks": {
        "double_blocks.{}.img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "double_blocks.{}.img_attn.proj": ("attn.to_out.0",),
        "double_blocks.{}.img_mlp.0": ("ff.net.0.proj",),
        "double_blocks.{}.img_mlp.2": ("ff.net.2",),
        "double_blocks.{}.img_mod.lin": ("norm1.linear",),
        "double_blocks.{}.txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "double_blocks.{}.txt_attn.proj": ("attn.to_add_out",),
        "double_blocks.{}.txt_mlp.0": ("ff_context.net.0.proj",),
        "double_blocks.{}.txt_mlp.2": ("ff_context.net.2",),
        "double_blocks.{}.txt_mod.lin": ("norm1_context.linear",),
        "joint_blocks.{}.x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "joint_blocks.{}.x_block.attn.proj": ("attn.to_out.0",),
        "joint_blocks.{}.x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
        "joint_blocks.{}.x_block.attn2.proj": ("attn2.to_out.0",),
        "joint_blocks.{}.x_block.mlp.fc1": ("ff.net.0.proj",),
        "joint_blocks.{}.x_block.mlp.fc2": ("ff.net.2",),
        "joint_blocks.{}.x_block.adaLN_modulation.1": ("norm1.linear",),
        "joint_blocks.{}.context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "joint_blocks.{}.context_block.attn.proj": ("attn.to_add_out",),
        "joint_blocks.{}.context_block.mlp.fc1": ("ff_context.net.0.proj",),
        "joint_blocks.{}.context_block.mlp.fc2": ("ff_context.net.2",),
    },
    "single_transformer_blocks": {
        "single_blocks.{}.linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
        "single_blocks.{}.linear2": ("proj_out",),
        "single_blocks.{}.modulation.lin": ("norm.linear",),
    },
}


def layers_by_name(targets: Iterable[Target]) -> Layers:
    """Return the layers of a model by every name that a LoRA file may have for them."""
    found: Layers = {}
    components: dict[str, dict[str, Target]] = {}
    for target in targets:
        components.setdefault(target.component, {})[target.module] = target
        for name in _own_names(target):
            found[name] = (target,)
    if unet := components.get("unet"):
        _add_first_names(found, _unet_names(unet))
    if transformer := components.get("transformer"):
        _add_first_names(found, _transformer_names(transformer))
    return found


def _own_names(target: Target) -> Iterator[str]:
    """Yield the names that follow the pipeline's."""
    for module in _spellings(target):
        yield f"{target.component}.{module}"
        for prefix in _KOHYA[target.component]:
            yield prefix + module.replace(".", "_")
    if target.component in ("unet", "transformer"):
        yield target.module  # as files of one component alone have it


def _spellings(target: Target) -> Iterator[str]:
    """Yield a layer's name as pipelines of other versions have it too."""
    module = target.module
    if target.component in ("unet", "transformer"):
        yield module
        if module.endswith(".to_out.0"):
            yield module.removesuffix(".0")
        return
    bare = module.removeprefix("text_model.")
    for name in (bare, f"text_model.{bare}"):
        yield name
        for new, old in _OLD_TEXT_LAYERS.items():
            if name.endswith(new):
                yield name.removesuffix(new) + old


def _add_first_names(found: Layers, names: Iterable[tuple[str, tuple[Target, ...]]]) -> None:
    """Add the names of the models' first code, as Kohya's scripts and others write them."""
    for name, layers in names:
        found.setdefault("lora_unet_" + name.replace(".", "_"), layers)
        found.setdefault(f"diffusion_model.{name}", layers)


def _unet_names(unet: dict[str, Target]) -> Iterator[tuple[str, tuple[Target, ...]]]:
    per_block = 1 + len({name.split(".")[3] for name in unet if name.startswith("down_blocks.0.resnets.")})
    for module, target in unet.items():
        if name := _UNET_LAYERS.get(module) or _middle_name(module) or _block_name(module, per_block, unet):
            yield name, (target,)


def _middle_name(module: str) -> str | None:
    if not (found := _MIDDLE_BLOCK.fullmatch(module)):
        return None
    kind, number, rest = found.groups()
    place = 1 if kind == "attentions" else 2 * int(number)
    return f"middle_block.{place}.{_RESNET_LAYERS.get(rest, rest)}"


def _block_name(module: str, per_block: int, unet: dict[str, Target]) -> str | None:
    """Return the first code's name of a layer in a block; `per_block` is how many of its blocks make one here."""
    if not (found := _UNET_BLOCK.fullmatch(module)):
        return None
    way, block, kind, layer, rest = found.groups()
    first = int(block) * per_block
    if kind == "downsamplers":
        return f"input_blocks.{first + per_block}.0.op"
    if kind == "upsamplers":
        has_attention = any(name.startswith(f"up_blocks.{block}.attentions.") for name in unet)
        return f"output_blocks.{first + per_block - 1}.{2 if has_attention else 1}.conv"
    blocks, number = (
        ("input_blocks", first + int(layer) + 1) if way == "down" else ("output_blocks", first + int(layer))
    )
    inner = 1 if kind == "attentions" else 0
    return f"{blocks}.{number}.{inner}.{_RESNET_LAYERS.get(rest, rest)}"


def _transformer_names(transformer: dict[str, Target]) -> Iterator[tuple[str, tuple[Target, ...]]]:
    rows: dict[str, tuple[str, ...]] = dict(_TRANSFORMER_LAYERS)
    for blocks, layers in _TRANSFORMER_BLOCKS.items():
        for number in sorted({name.split(".")[1] for name in transformer if name.startswith(f"{blocks}.")}):
            rows |= {
                first.format(number): tuple(f"{blocks}.{number}.{module}" for module in modules)
                for first, modules in layers.items()
            }
    for first, modules in rows.items():
        if all(module in transformer for module in modules):
            yield first, tuple(transformer[module] for module in modules)
