"""The contract by random messages: what one tier writes the other reads, also if it is older or newer."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from render_worker.contract import (
    MAX_BODY_BYTES,
    MAX_SEED,
    ErrorBody,
    ErrorLine,
    GenerateRequest,
    GenerateResult,
    Heartbeat,
    InvalidField,
    PassedOver,
    Progress,
    ResultLine,
    StorageProblem,
    StreamLine,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40).filter(str.strip)
LONG_TEXTS = st.builds(str.__mul__, st.sampled_from(["a", '"', "\\", "é", "木", "🌲"]), st.integers(1, 2000))
SIDES = st.integers(8, 512).map(lambda eighths: eighths * 8)
FINITE = {"allow_nan": False, "allow_infinity": False}
REQUIRED = {"prompt": TEXTS | LONG_TEXTS}
OPTIONAL = {
    "negative_prompt": TEXTS | LONG_TEXTS,
    "seed": st.integers(-1, MAX_SEED),
    "guidance_scale": st.floats(0, 20),
    "shape": st.sampled_from(["portrait", "landscape", "square"]),
    "model": st.sampled_from(["auto", "AUTO", "perchance", "openai:local", "a/b:c"]),
    "output_format": st.sampled_from(["png", "jpeg", "webp", "auto"]),
    "output_compression": st.just(100),
    "steps": st.integers(1, 100),
    "scheduler": st.sampled_from(["euler", "dpmpp_2m"]),
    "lora_path": st.sampled_from(["ink", "a/b.safetensors"]),
    "request_id": st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=64),
    "timeout_seconds": st.floats(0.001, 3600),
    "within": st.floats(0.001, 3600),
    "prefer": st.sampled_from(["fast", "free", "quality"]),
    "previews": st.just(True),
    "max_price": st.floats(0, 1e6) | st.just(0.0),
}
SIZES = (
    st.just({})
    | st.fixed_dictionaries({"width": SIDES, "height": SIDES, "as_size": st.none() | st.just(True)})
    | st.builds(
        lambda parts: {"aspect_ratio": f"{parts[0]}:{parts[1]}"}, st.tuples(st.integers(4, 9), st.integers(4, 9))
    )
)
FIELDS = st.builds(
    lambda fields, size: {**fields, **{name: value for name, value in size.items() if value is not None}},
    st.fixed_dictionaries(REQUIRED, optional=OPTIONAL),
    SIZES,
)
LEFT_OUT = st.none()
STATED = {"cost": LEFT_OUT | st.floats(0, 1e6), "duration_ms": st.integers(0, 10**9), "bytes": st.integers(0, 10**9)}
NUMBERS = LEFT_OUT | st.floats(0, 30)
RESULTS = st.builds(GenerateResult, guidance_scale=NUMBERS, strength=NUMBERS, lora_scale=NUMBERS, **STATED)
ERRORS = st.builds(ErrorBody, cost=STATED["cost"])
PROGRESS = st.builds(Progress, percent=LEFT_OUT | st.integers(0, 100))
LINES = PROGRESS | st.builds(Heartbeat) | st.builds(ResultLine, result=RESULTS) | st.builds(ErrorLine, error=ERRORS)
_LINE: TypeAdapter[StreamLine] = TypeAdapter(StreamLine)


def written(model: BaseModel) -> bytes:
    """Return a message as either tier writes it."""
    return model.model_dump_json(exclude_none=True).encode()


def request_of(fields: dict[str, object]) -> GenerateRequest | None:
    """Return the request of a client's fields; None if they contradict each other."""
    try:
        return GenerateRequest.parse(fields.items())
    except InvalidField:
        return None


@given(FIELDS)
def test_a_request_arrives_as_it_was_sent(fields):
    request = request_of(fields)
    if request is None:
        return
    sent = written(request)
    assert GenerateRequest.parse_json(sent) == request
    assert len(sent) <= MAX_BODY_BYTES
    assert written(GenerateRequest.parse_json(sent)) == sent


@given(FIELDS)
def test_texts_of_a_query_are_read_as_the_values_of_json(fields):
    def text(value: object) -> str:
        return json.dumps(value) if not isinstance(value, str) else value

    assert request_of({name: text(value) for name, value in fields.items()}) == request_of(fields)


@given(FIELDS, st.text(string.ascii_lowercase, min_size=8, max_size=12))
def test_a_field_of_a_newer_version_is_refused_by_its_name(fields, name):
    with pytest.raises(InvalidField, match=f'"{name}" is not a parameter here'):
        GenerateRequest.parse({**fields, name: 1}.items())


@given(RESULTS | ERRORS | PROGRESS)
def test_a_response_arrives_as_it_was_sent(message):
    sent = written(message)
    assert type(message).model_validate_json(sent) == message
    assert written(type(message).model_validate_json(sent)) == sent


@given(RESULTS | ERRORS, st.dictionaries(st.text(string.ascii_lowercase, min_size=10), st.integers() | st.text()))
def test_what_a_newer_worker_says_besides_is_left_out(message, more):
    sent = {**more, **json.loads(written(message))}
    assert type(message).model_validate(sent) == message


@given(RESULTS | ERRORS, st.data())
def test_what_an_older_worker_does_not_say_is_unknown(message, data):
    sent = json.loads(written(message))
    optional = sorted(name for name in sent if not type(message).model_fields[name].is_required())
    missing = data.draw(st.sets(st.sampled_from(optional)))
    found = type(message).model_validate({name: value for name, value in sent.items() if name not in missing})
    for name in type(message).model_fields:
        expected = type(message).model_fields[name].get_default() if name in missing else getattr(message, name)
        assert getattr(found, name) == expected


@given(st.lists(LINES, max_size=5))
def test_a_stream_is_read_line_by_line(lines):
    text = b"".join(written(line) + b"\n" for line in lines)
    assert [_LINE.validate_json(line) for line in text.split(b"\n")[:-1]] == lines


@given(st.builds(PassedOver) | st.builds(StorageProblem))
def test_details_arrive_as_they_were_sent(message):
    assert type(message).model_validate_json(written(message)) == message


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_whatever_is_sent_is_read_or_refused(body):
    refusal = _refusal(body)
    assert refusal is None or (refusal.isprintable() and refusal.endswith("."))


def _refusal(body: bytes) -> str | None:
    try:
        GenerateRequest.parse_json(body)
    except InvalidField as refusal:
        return str(refusal)
    return None
