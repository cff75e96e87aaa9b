"""Bounds of what servers send: bodies, numbers in headers, sentences."""

import io
from types import SimpleNamespace

import pytest

from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks, printable, retry_after, whole_number
from render_worker.serving.deadline import Deadline


def reply(body: bytes = b"", **headers: str) -> SimpleNamespace:
    return SimpleNamespace(raw=io.BufferedReader(io.BytesIO(body)), headers=headers)


def test_a_body_within_its_bounds_is_whole():
    assert b"".join(chunks(reply(b"abc"), 3, Deadline.after(9))) == b"abc"
    assert list(chunks(reply(), 3, Deadline.after(9))) == []


def test_one_byte_more_is_too_large():
    with pytest.raises(BodyTooLarge):
        list(chunks(reply(b"abcd"), 3, Deadline.after(9)))


def test_after_the_deadline_it_is_too_late():
    with pytest.raises(BodyTooLate):
        list(chunks(reply(b"abc"), 3, Deadline.after(-1)))


@pytest.mark.parametrize(
    ("max_bytes", "seconds", "error"), [(2, 9, BodyTooLarge), (3, -1, BodyTooLate)], ids=["too large", "too late"]
)
def test_a_lenient_reader_gets_the_chunk_that_exceeds_a_bound(max_bytes, seconds, error):
    body = chunks(reply(b"abc"), max_bytes, Deadline.after(seconds), lenient=True)
    assert next(body) == b"abc"
    with pytest.raises(error):
        next(body)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("0", 0), ("100", 100), ("101", None), ("", None), (None, None), ("-1", None), ("1.5", None), ("²", None)],
)
def test_a_number_is_whole_and_small_enough(digits, expected):
    assert whole_number(digits, 100) == expected


def test_thousands_of_digits_are_no_number():
    assert whole_number("9" * 5000, 2**63) is None


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7), ("60", 60), ("61", 60), ("9" * 5000, 60), ("", 0), ("Wed, 21 Oct", 0), ("-1", 0)]
)
def test_a_retry_after_is_in_seconds(header, expected):
    assert retry_after(reply(**{"Retry-After": header}), 60) == expected


def test_without_the_header_it_is_0():
    assert retry_after(reply(), 60) == 0


def test_a_sentence_is_one_printable_line_of_bounded_length():
    assert printable("a\nb\x1b[31mc \x00", 100) == "a b [31mc"
    assert printable("x" * 100, 10) == "x" * 10
