"""Whatever a file has in it, it is a LoRA that fits, or it is refused with a sentence."""

import json
import struct
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from render_worker.engines.diffusers.loras.files import LoraFiles
from render_worker.engines.diffusers.loras.header_check import ModelLayers
from render_worker.engines.diffusers.loras.problem import LoraProblem
from render_worker.engines.diffusers.loras.scales import KEY, scales_of
from tests.worker.engines.diffusers.lora_files import file_of, kohya_pair, pair, xl_targets

TARGETS = xl_targets()
LAYERS = ModelLayers(TARGETS)
WHOLE = file_of(
    {name: shape for it in TARGETS for name, shape in pair(it.name, it.inputs, it.outputs, 1, it.kernel).items()}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ENDINGS = (".lora_A.weight", ".lora_B.weight", ".lora_down.weight", ".lora_up.weight", ".alpha", ".dora_scale", "")
NAMES = st.builds(
    str.__add__,
    st.sampled_from([it.name for it in TARGETS] + ["lora_unet_input_blocks_4_1", "lora_te_x", ""])
    | st.text(max_size=30),
    st.sampled_from(ENDINGS),
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F16", "F32", "I8", "Q4"]) | JSON,
        "shape": st.lists(st.integers(-1, 2**70) | st.integers(0, 8), max_size=5) | JSON,
        "data_offsets": st.lists(st.integers(-1, 2**70) | st.integers(0, 200), max_size=3) | JSON,
    }
)

quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused_or_placed(path: Path, data: bytes) -> bool:
    """Return whether a file was taken; raises what is no refusal by a sentence."""
    path.write_bytes(data)
    sentence = _refusal(path)
    if sentence is None:
        return True
    assert sentence
    assert sentence.isprintable()
    assert len(sentence) < 400
    return False


def _refusal(path: Path) -> str | None:
    try:
        LAYERS.place(LoraFiles().read(path).header)
    except LoraProblem as problem:
        return str(problem)
    return None


def test_the_whole_file_is_taken(tmp_path: Path) -> None:
    assert refused_or_placed(tmp_path / "it.safetensors", WHOLE)


@quick
@given(length=st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    assert not refused_or_placed(tmp_path / "it.safetensors", WHOLE[:length])


@quick
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    assert not refused_or_placed(tmp_path / "it.safetensors", data)


@quick
@given(place=st.integers(0, 2_000), value=st.integers(0, 255))
def test_a_byte_that_is_another_ends_in_a_sentence_or_does_no_harm(tmp_path: Path, place: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[place] = value
    refused_or_placed(tmp_path / "it.safetensors", bytes(data))


@quick
@given(header=st.dictionaries(NAMES, ENTRIES | JSON, max_size=4) | JSON, lie=st.integers(0, 2**64 - 1) | st.none())
def test_a_header_that_lies_is_refused(tmp_path: Path, header: object, lie: int | None) -> None:
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text) if lie is None else lie) + text + bytes(64)
    assert not refused_or_placed(tmp_path / "it.safetensors", data)


@quick
@given(
    shapes=st.dictionaries(NAMES, st.lists(st.integers(0, 9), max_size=5).map(tuple), max_size=5),
    dtype=st.sampled_from(["F16", "I8"]),
)
def test_tensors_of_any_shape_are_placed_or_refused(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], dtype: str
) -> None:
    refused_or_placed(tmp_path / "it.safetensors", file_of(shapes, dtype))


@quick
@given(text=JSON.map(json.dumps) | st.text(max_size=50), value=JSON)
def test_metadata_is_understood_or_refused(text: str, value: object) -> None:
    for words in (text, json.dumps({"unet.lora_alpha": value, "unet.alpha_pattern": value})):
        assert _scale(words) is None or isinstance(_scale(words), float)


def _scale(words: str) -> float | None:
    try:
        return scales_of({KEY: words})["unet"].of(TARGETS[0], 4)
    except LoraProblem:
        return None


def test_kohyas_names_are_placed_beside_others(tmp_path: Path) -> None:
    shapes = kohya_pair("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 768, 768)
    assert refused_or_placed(tmp_path / "it.safetensors", file_of(shapes))
