"""The header of a .safetensors file: whatever a file holds, it is read quickly, or refused by one error."""

import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render_worker.engines.diffusers.models.safetensors_header import (
    BITS,
    HeaderUnreadable,
    Tensor,
    parse_header,
    read_header,
)

BYTES = {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}


def file_of(header: object, data: bytes = bytes(12), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def test_it_works(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(file_of({"__metadata__": {"format": "pt"}, "a": BYTES}))
    header = read_header(tmp_path / "a.safetensors")
    assert header.tensors == {"a": Tensor("F16", (2, 3), (0, 12))}
    assert (header.parameters, header.metadata) == (6, {"format": "pt"})


BROKEN = {
    "is no .safetensors file": b"",
    "is no .safetensors file.": b"<html>" * 100,
    "is cut off within its header": file_of({"a": BYTES}, length=1000),
    "is cut off within its header.": file_of(b"", b"", length=2),
    "has a header that is no JSON": file_of(b"{"),
    "has a header that is no JSON.": file_of(b"\xff\xfe"),
    "has a header that is no JSON, deep": file_of(b"[" * 500_000),
    "has a header that is no JSON, with a number too long": file_of(b'{"a": ' + b"9" * 5000 + b"}"),
    "has a header that is no JSON object": file_of([1]),
    "has metadata that is no JSON object": file_of({"__metadata__": [1], "a": BYTES}),
    "has no place for a": file_of({"a": 7}),
    "has no place for a.": file_of({"a": {**BYTES, "data_offsets": [0]}}),
    "has no place for a, negative": file_of({"a": {**BYTES, "data_offsets": [-1, 11]}}),
    "has no place for a, in words": file_of({"a": {**BYTES, "data_offsets": ["0", "12"]}}),
    "has no place for a, true": file_of({"a": {**BYTES, "data_offsets": [False, True]}}),
    "has no shape for a": file_of({"a": {**BYTES, "shape": 6}}),
    "has no shape for a, negative": file_of({"a": {**BYTES, "shape": [-2, -3]}}),
    "has no shape for a, endless": file_of({"a": {**BYTES, "shape": [1] * 100_000}}),
    "has no shape for a, huge": file_of({"a": {**BYTES, "shape": [10**30]}}),
    "has an unknown kind of numbers for a": file_of({"a": {**BYTES, "dtype": "F7"}}),
    "has an unknown kind of numbers for a, a list": file_of({"a": {**BYTES, "dtype": ["F16"]}}),
    "has a in a wrong place": file_of({"a": {**BYTES, "data_offsets": [0, 10]}}),
    "has a in a wrong place, with a hole": file_of({"a": {**BYTES, "data_offsets": [2, 14]}}, bytes(14)),
    "has b in a wrong place": file_of({"a": BYTES, "b": BYTES}),
    "is cut off: 11 of 12 bytes of its tensors are there": file_of({"a": BYTES}, bytes(11)),
    "goes on behind its tensors": file_of({"a": BYTES}, bytes(13)),
    "has no place for a?b": file_of({"a\nb": 7}),
}


@pytest.mark.parametrize(("sentence", "content"), BROKEN.items(), ids=list(BROKEN))
def test_a_broken_file_is_told_of(tmp_path, sentence, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(HeaderUnreadable) as raised:
        read_header(tmp_path / "a")
    assert (
        str(raised.value) == sentence.split(",")[0].removesuffix(".") if "," in sentence else sentence.removesuffix(".")
    )


@pytest.mark.parametrize("name", ["nothing", "."])
def test_a_file_that_cannot_be_read_is_told_of(tmp_path, name):
    with pytest.raises(HeaderUnreadable, match=r"^cannot be read \(.+\)$"):
        read_header(tmp_path / name)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(sorted(BITS)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
entries = st.fixed_dictionaries({}, optional={"dtype": values, "shape": values, "data_offsets": values})
headers = st.dictionaries(st.text(max_size=8) | st.just("__metadata__"), entries | values, max_size=5)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.builds(file_of, headers | st.binary(max_size=100), st.binary(max_size=50)))
def test_whatever_a_file_holds_is_read_or_refused(content):
    said, header = "", None
    try:
        header = parse_header(io.BytesIO(content), len(content))
    except HeaderUnreadable as error:
        said = str(error)
    assert bool(said) == (header is None)
    assert said.isprintable()
    if header:
        assert sum(tensor.size_bytes for tensor in header.tensors.values()) <= len(content)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(sorted(BITS)), st.lists(st.integers(0, 5), max_size=4)),
        max_size=6,
    )
)
def test_a_whole_file_is_read_as_it_was_written(tensors):
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + Tensor(dtype, tuple(shape), (0, 0)).size_bytes
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    content = file_of(header, bytes(end))
    found = parse_header(io.BytesIO(content), len(content)).tensors
    assert {name: (tensor.dtype, [*tensor.shape]) for name, tensor in found.items()} == tensors
