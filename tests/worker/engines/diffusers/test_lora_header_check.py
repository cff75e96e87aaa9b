"""Whether a LoRA fits a model, by the header of its file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from render_worker.engines.diffusers.loras.files import LoraFiles
from render_worker.engines.diffusers.loras.header_check import ModelLayers
from render_worker.engines.diffusers.loras.problem import LoraProblem
from tests.worker.engines.diffusers.lora_files import Shapes, file_of, kohya_pair, pair, save, xl_targets

Check = Callable[..., list[str]]

TO_Q = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q"
FITTING = pair(TO_Q, 640, 640)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that returns the names of the layers that a file with these tensors is added to."""
    layers = ModelLayers(xl_targets())

    def check(shapes: Shapes, dtype: str = "F16") -> list[str]:
        placements = layers.place(LoraFiles().read(save(tmp_path / "it.safetensors", shapes, dtype)).header)
        return [target.name for placement in placements for target in placement.targets]

    return check


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_q", TO_Q),
        ("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_q", TO_Q),
        ("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q", TO_Q),
        ("diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_q", TO_Q),
    ],
)
def test_a_layer_is_found_by_the_names_of_each_format(name: str, layer: str, check: Check) -> None:
    assert check(kohya_pair(name, 640, 640)) == [layer]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "layer"),
    [
        ("input_blocks_5_1_{}_0_attn2_to_v", 2048, 640, "down_blocks.1.attentions.1.{}.0.attn2.to_v"),
        ("middle_block_1_{}_0_attn2_to_out_0", 1280, 1280, "mid_block.attentions.0.{}.0.attn2.to_out.0"),
        ("output_blocks_2_1_{}_0_attn2_to_k", 2048, 1280, "up_blocks.0.attentions.2.{}.0.attn2.to_k"),
        ("output_blocks_0_1_{}_9_ff_net_0_proj", 1280, 10240, "up_blocks.0.attentions.0.{}.9.ff.net.0.proj"),
        ("output_blocks_5_0_emb_layers_1", 1280, 640, "up_blocks.1.resnets.2.time_emb_proj"),
        ("time_embed_2", 1280, 1280, "time_embedding.linear_2"),
    ],
)
def test_the_names_of_sdxls_first_code_are_known(
    name: str, inputs: int, outputs: int, layer: str, check: Check
) -> None:
    """The names are those of files by Kohya's scripts."""
    name, layer = name.format("transformer_blocks"), layer.format("transformer_blocks")
    assert check(kohya_pair(f"lora_unet_{name}", inputs, outputs)) == [f"unet.{layer}"]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "layer"),
    [
        ("input_blocks_0_0", 4, 320, "conv_in"),
        ("input_blocks_1_0_in_layers_2", 320, 320, "down_blocks.0.resnets.0.conv1"),
        ("input_blocks_2_0_out_layers_3", 320, 320, "down_blocks.0.resnets.1.conv2"),
        ("input_blocks_3_0_op", 320, 320, "down_blocks.0.downsamplers.0.conv"),
        ("middle_block_2_in_layers_2", 1280, 1280, "mid_block.resnets.1.conv1"),
        ("output_blocks_2_2_conv", 1280, 1280, "up_blocks.0.upsamplers.0.conv"),
    ],
)
def test_convolutions_are_known(name: str, inputs: int, outputs: int, layer: str, check: Check) -> None:
    shapes = kohya_pair(f"lora_unet_{name}", inputs, outputs)
    for kernel in ((3, 3), (1, 1)):
        shapes[f"lora_unet_{name}.lora_down.weight"] = (4, inputs, *kernel)
        if kernel == (3, 3):
            assert check(shapes) == [f"unet.{layer}"]
        else:
            with pytest.raises(LoraProblem, match=f"^unet.{layer} wants a kernel of 3×3 there, the LoRA has 1×1$"):
                check(shapes)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", "text_encoder.encoder.layers.0.self_attn.q_proj"),
        ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", "text_encoder.encoder.layers.0.self_attn.q_proj"),
        ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", "text_encoder.encoder.layers.0.self_attn.q_proj"),
        ("text_encoder.encoder.layers.0.self_attn.to_q", "text_encoder.encoder.layers.0.self_attn.q_proj"),
    ],
)
def test_text_encoders_are_known(name: str, layer: str, check: Check) -> None:
    assert check(pair(name, 768, 768)) == [layer]


@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16", "F64"])
def test_a_files_numbers_may_be_of_any_floating_kind(dtype: str, check: Check) -> None:
    assert check(FITTING, dtype) == [TO_Q]


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (pair(TO_Q, 320, 640), f"{TO_Q} wants 640 there, the LoRA has 320"),
        (pair(TO_Q, 640, 1280), f"{TO_Q} wants 640 there, the LoRA has 1,280"),
        (FITTING | pair("unet.conv_out", 4, 4), "the model has no unet.conv_out"),
        (FITTING | kohya_pair("lora_te3_encoder_block_0", 4, 4), "the model has no lora_te3_encoder_block_0"),
        (
            FITTING | kohya_pair("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_q", 640, 640),
            f"it has {TO_Q} twice, by two names",
        ),
        (FITTING | {f"{TO_Q}.lora_down.weight": (4, 640)}, f"it has {TO_Q} twice"),
        ({f"{TO_Q}.lora_A.weight": (4, 640)}, f"its {TO_Q} has no up for its down"),
        ({f"{TO_Q}.lora_B.weight": (640, 4)}, f"its {TO_Q} has no down for its up"),
        ({f"{TO_Q}.alpha": ()}, f"its {TO_Q} has no down"),
        (FITTING | {f"{TO_Q}.alpha": (2,)}, f"its {TO_Q}.alpha is no single number"),
        (
            {f"{TO_Q}.lora_A.weight": (4, 640), f"{TO_Q}.lora_B.weight": (640, 8)},
            f"its {TO_Q} has tensors that do not go together, of 4×640 and 640×8",
        ),
        (
            {f"{TO_Q}.lora_A.weight": (0, 640), f"{TO_Q}.lora_B.weight": (640, 0)},
            f"its {TO_Q} has tensors that do not go together, of 0×640 and 640×0",
        ),
        (
            {f"{TO_Q}.lora_A.weight": (), f"{TO_Q}.lora_B.weight": (640, 4)},
            f"its {TO_Q} has tensors that do not go together, of a number and 640×4",
        ),
        ({}, "it is no LoRA: it has no tensors"),
        ({"conv_in.weight": (320, 4, 3, 3)}, "it is no LoRA: conv_in.weight is not of one"),
        ({"emb_params": (8, 768)}, "it is no LoRA: emb_params is not of one"),
        (FITTING | {f"{TO_Q}.dora_scale": (640, 1)}, "it is a DoRA, which is not supported"),
        (FITTING | {f"{TO_Q}.lora_magnitude_vector": (640,)}, "it is a DoRA, which is not supported"),
        ({f"{TO_Q}.lokr_w1": (4, 4)}, "it is a LoKr, which is not supported"),
        ({f"{TO_Q}.hada_w1_a": (4, 4)}, "it is a LoHa, which is not supported"),
        ({f"{TO_Q}.oft_blocks": (4, 4, 4)}, "it is an OFT, which is not supported"),
        (
            {f"{TO_Q}.lora_mid.weight": (4, 4, 3, 3)},
            "it is a LoCon with a tensor in the middle, which is not supported",
        ),
        ({"text_encoder.x.lora_embedding_A": (4, 4)}, "it is a LoRA of embeddings, which is not supported"),
        (FITTING | {f"{TO_Q}.lora_B.bias": (640,)}, "it is a LoRA with biases, which is not supported"),
        ({f"{TO_Q}.diff": (640, 640)}, "it is a file of whole differences, which is not supported"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(shapes: Shapes, reason: str, check: Check) -> None:
    with pytest.raises(LoraProblem) as refused:
        check(shapes)
    assert str(refused.value) == reason


def test_whole_numbers_are_refused(check: Check) -> None:
    with pytest.raises(LoraProblem, match="is made of I8, which is not supported"):
        check(FITTING, "I8")


def test_a_name_from_a_file_is_shortened_and_printable(check: Check) -> None:
    with pytest.raises(LoraProblem) as refused:
        check(pair("unet." + "\x1b[31m" * 10 + "x" * 500, 4, 4))
    assert len(str(refused.value)) < 160
    assert str(refused.value).isprintable()


def test_a_file_is_read_again_if_it_is_another(tmp_path: Path) -> None:
    files = LoraFiles()
    path = save(tmp_path / "it.safetensors", FITTING)
    first = files.read(path)
    assert files.read(path) is first
    path.write_bytes(file_of(FITTING)[:-1])
    with pytest.raises(LoraProblem, match=r"^it is cut off"):
        files.read(path)
    with pytest.raises(LoraProblem, match=r"^it is cut off"):
        files.read(path)
    assert files.read(save(path, FITTING)).header == first.header
    path.unlink()
    with pytest.raises(LoraProblem, match=r"^it cannot be read \(No such file or directory\)$"):
        files.read(path)
