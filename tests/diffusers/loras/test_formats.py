"""Files of every format that is understood make the picture that the same LoRA makes by peft's names."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.loras.layer_names import layers_by_name
from render_worker.engines.diffusers.loras.module_shapes import components_of, targets_of
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers.loras import makers
from tests.diffusers.loras.conftest import LoadModel, Picture
from tests.diffusers.loras.makers import Tensors

Convert = Callable[[Tensors], Tensors]


@pytest.fixture
def use(make_settings: Callable[..., DiffusersSettings], tmp_path: Path, picture: Picture) -> Callable[..., str]:
    """Return a function that makes a model's picture with a LoRA of these tensors."""
    loras = Loras(make_settings(lora_dir=tmp_path))

    def make(model: LoadedModel, tensors: Tensors, scale: float = 1.0, metadata: dict[str, str] | None = None) -> str:
        makers.save(tensors, tmp_path / "it.safetensors", metadata)
        loras.apply(model, LoraUse("it", scale))
        made = picture(model)
        loras.apply(model, None)
        return made

    return make


@pytest.fixture
def theirs(new_model: LoadModel, tmp_path: Path, picture: Picture) -> Callable[..., str]:
    """Return a function that makes a layout's picture with a LoRA that diffusers loads itself."""

    def make(layout: str, tensors: Tensors, metadata: dict[str, str] | None = None) -> str:
        model = new_model(layout)
        path = makers.save(tensors, tmp_path / "theirs" / "it.safetensors", metadata)
        model.pipe.load_lora_weights(str(path), adapter_name="it")
        return picture(model)

    return make


def renamed(*pairs: tuple[str, str]) -> Convert:
    """Return a function that renames tensors by replacing parts of their names."""

    def rename(tensors: Tensors) -> Tensors:
        made = {}
        for name, value in tensors.items():
            for old, new in pairs:
                name = name.replace(old, new)
            made[name] = value
        return made

    return rename


OLD = renamed(
    ("self_attn.out_proj.", "self_attn.to_out."),
    *((f"self_attn.{letter}_proj.", f"self_attn.to_{letter}.") for letter in "qkv"),
    (".to_out.0.", ".to_out."),
    *((f".{part}.", f".processor.{part}.") for part in ("attn1", "attn2")),
    (".lora_A.", "_lora.down."),
    (".lora_B.", "_lora.up."),
)
DOTTED = renamed((".lora_A.", ".lora.down."), (".lora_B.", ".lora.up."))
LINEAR_LAYER = renamed((".lora_A.", ".lora_linear_layer.down."), (".lora_B.", ".lora_linear_layer.up."))
NAMED_ADAPTER = renamed((".lora_A.", ".lora_A.default."), (".lora_B.", ".lora_B.default."))


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize(
    "convert",
    [makers.kohya_tensors, OLD, DOTTED, LINEAR_LAYER, NAMED_ADAPTER],
    ids=["kohya", "old", "dotted", "linear-layer", "named-adapter"],
)
def test_another_format_makes_the_same_picture(
    layout: str, convert: Convert, lora_dir: Path, load_model: LoadModel, use: Callable[..., str]
) -> None:
    model = load_model(layout)
    tensors = makers.load(lora_dir / f"{layout}.safetensors")
    converted = convert(tensors)
    assert not tensors.keys() & converted.keys()
    assert use(model, converted) == use(model, tensors)


def test_alpha_is_a_scale(lora_dir: Path, load_model: LoadModel, use: Callable[..., str]) -> None:
    model = load_model("sd1")
    tensors = makers.load(lora_dir / "sd1.safetensors")
    doubled = use(model, makers.kohya_tensors(tensors, alpha=2 * makers.RANK))
    assert doubled == use(model, tensors, scale=2.0)
    assert doubled != use(model, tensors)


def test_kohyas_names_of_sdxl_are_those_that_diffusers_knows(
    lora_dir: Path, load_model: LoadModel, use: Callable[..., str], theirs: Callable[..., str]
) -> None:
    tensors = first_names(load_model("sdxl"), makers.load(lora_dir / "sdxl.safetensors"))
    assert "lora_unet_input_blocks_3_1_transformer_blocks_1_attn2_to_out_0.lora_up.weight" in tensors
    assert use(load_model("sdxl"), tensors) == theirs("sdxl", tensors)


def first_names(model: LoadedModel, tensors: Tensors) -> Tensors:
    """Return Kohya's file for SDXL: its U-Net by the names of its first code."""
    names = {
        layers[0].module.replace(".", "_"): name
        for name, layers in layers_by_name(targets_of(components_of(model.pipe))).items()
        if any(block in name for block in ("input_blocks", "middle_block", "output_blocks")) and name.startswith("lora")
    }
    made = {}
    for name, value in makers.kohya_tensors(tensors).items():
        layer, _, part = name.partition(".")
        module = layer.removeprefix("lora_unet_")
        made[f"{names.get(module, layer)}.{part}"] = value
    return made


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
@pytest.mark.parametrize(
    "modules", [makers.CONVOLUTIONS, ("conv_in", "time_emb_proj", "ff.net.0.proj", "ff.net.2", "conv")]
)
def test_convolutions_and_other_layers_are_changed_as_by_diffusers(
    layout: str,
    modules: tuple[str, ...],
    load_model: LoadModel,
    new_model: LoadModel,
    use: Callable[..., str],
    theirs: Callable[..., str],
) -> None:
    tensors = makers.peft_tensors(new_model(layout).pipe, parts=["unet"], modules=modules)
    model = load_model(layout)
    assert use(model, tensors) == theirs(layout, tensors)
    assert use(model, tensors) != use(model, tensors, scale=0.0)


def test_a_kernel_of_one_by_one_may_be_left_out(
    load_model: LoadModel, new_model: LoadModel, use: Callable[..., str]
) -> None:
    tensors = makers.peft_tensors(new_model("sd1").pipe, parts=["unet"], modules=["proj_in", "to_q"])
    flat = {name: value.reshape(value.shape[:2]) for name, value in tensors.items()}
    square = {name: value.reshape(*value.shape[:2], 1, 1) for name, value in tensors.items()}
    model = load_model("sd1")
    assert use(model, flat) == use(model, square) == use(model, tensors)


def test_one_tensor_for_several_layers_is_shared_among_them(
    load_model: LoadModel, new_model: LoadModel, use: Callable[..., str]
) -> None:
    """FLUX's first code has one layer for what diffusers has three or four for; so has SD 3's."""
    for layout, block, fused in (
        ("flux", "transformer_blocks.0.attn", "double_blocks_0_img_attn_qkv"),
        ("sd3", "transformer_blocks.1.attn", "joint_blocks_1_x_block_attn_qkv"),
    ):
        tensors = makers.peft_tensors(new_model(layout).pipe, parts=["transformer"], modules=makers.ATTENTION[:3])
        mine = {name: value for name, value in tensors.items() if name.startswith(f"transformer.{block}.")}
        down = mine[f"transformer.{block}.to_q.lora_A.weight"]
        each = [mine[f"transformer.{block}.{name}.lora_B.weight"] for name in makers.ATTENTION[:3]]
        one = {
            f"lora_unet_{fused}.lora_down.weight": down,
            f"lora_unet_{fused}.lora_up.weight": torch.cat(each),
        }
        several = {name: down.clone() if ".lora_A." in name else value for name, value in mine.items()}
        model = load_model(layout)
        assert use(model, one) == use(model, several) != use(model, several, scale=0.0)


@pytest.mark.parametrize(
    "metadata",
    [
        {"unet.lora_alpha": 8, "text_encoder.lora_alpha": 2},
        {"unet.lora_alpha": 8, "unet.use_rslora": True},
        {"unet.lora_alpha": 4, "unet.alpha_pattern": {"attentions.0.transformer_blocks.0.attn2.to_q": 16}},
    ],
    ids=["alpha", "square-root", "pattern"],
)
def test_metadata_of_diffusers_is_honoured(
    metadata: dict[str, object],
    lora_dir: Path,
    load_model: LoadModel,
    use: Callable[..., str],
    theirs: Callable[..., str],
) -> None:
    tensors = makers.load(lora_dir / "sd1.safetensors")
    ranks = {f"{part}.{key}": value for part in ("unet", "text_encoder") for key, value in
             {"r": 4, "lora_alpha": 4, "target_modules": _modules(tensors, part)}.items()}  # fmt: skip
    text = {"lora_adapter_metadata": json.dumps(ranks | metadata)}
    assert use(load_model("sd1"), tensors, metadata=text) == theirs("sd1", tensors, text)


def _modules(tensors: Tensors, part: str) -> list[str]:
    return sorted({
        name.removeprefix(f"{part}.").partition(".lora_")[0] for name in tensors if name.startswith(f"{part}.")
    })  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_other_kinds_become_the_models(
    dtype: torch.dtype, lora_dir: Path, load_model: LoadModel, use: Callable[..., str]
) -> None:
    model = load_model("sd1")
    tensors = {name: value.to(dtype) for name, value in makers.load(lora_dir / "sd1.safetensors").items()}
    same = {name: value.to(torch.float32) for name, value in tensors.items()}
    assert use(model, tensors) == use(model, same)
