"""Bodies that are no JSON object: each is told apart by its own sentence, by every route, in both tiers."""

import gzip
import io
import json
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from render_worker.settings import Settings
from render_worker.worker import create_app as create_worker
from tests.fakes.ways import Front

OBJECT = b'{"prompt": "a boat"}'
PICTURE = io.BytesIO()
Image.new("RGB", (2, 2)).save(PICTURE, "PNG")
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na boat\r\n--x--\r\n'

SENTENCES = [
    (b"", "The body is empty."),
    (b" \r\n", "The body is empty."),
    (b"[]", "The body is an array."),
    (b'[{"prompt": "a"}]', "The body is an array."),
    (b"null", "The body is null."),
    (b"7", "The body is a number."),
    (b"NaN", "The body is a number."),
    (b"true", "The body is a boolean."),
    (b'"a boat"', "The body is a text."),
    (json.dumps(OBJECT.decode()).encode(), "encoded twice"),
    (gzip.compress(OBJECT, mtime=0), "compressed (gzip); send it uncompressed"),
    (zlib.compress(OBJECT), "compressed (deflate)"),
    (zlib.compress(OBJECT, 9), "compressed (deflate)"),
    (b"\x28\xb5\x2f\xfd\x24\x14", "compressed (zstd)"),
    (b"\x8b\x09\x80" + OBJECT + b"\x03", "binary data, perhaps compressed"),  # Brotli, which has no signature
    (PICTURE.getvalue(), "The body is a picture."),
    ('{"prompt": "caf\u00e9"}'.encode("latin-1"), "not UTF-8 but perhaps Latin-1 (byte 16 is none of it)"),
    ('{"prompt": "\u201ea\u201c"}'.encode("cp1252"), "not UTF-8 but perhaps Latin-1 (byte 13"),
    ('{"prompt": "\u4e2d"}'.encode("gbk"), "not UTF-8"),
    (b'{"prompt": "a\nboat"}', "a raw line break in a text at line 1, column 14; write it as \\n"),
    (b'{\r\n "prompt": "a\r\nboat"}', "a raw line break in a text at line 2, column 14"),
    (b'{"prompt": "a\tboat"}', "a raw control character in a text at line 1, column 14; write a tab as \\t"),
    (b'{"prompt": "a\x00boat"}', "a raw control character"),
    (b'{"prompt": "a bo', "ends within a text that begins at line 1, column 12: it was cut off"),
    (b'{"prompt": "a boat"', "ends in the middle of its JSON, at line 1, column 20: it was cut off"),
    (b'{"prompt": ', "ends in the middle of its JSON"),
    (b'{"prompt"', "ends in the middle of its JSON"),
    (b"{", "ends in the middle of its JSON"),
    (b"[" * 60_000, "nested too deeply"),
    (b'{"prompt": "C:\\boats"}', None),  # \b is an escape: a backspace, which no prompt may have
    (b'{"prompt": "C:\\ships"}', "an unknown escape in a text at line 1, column 15; write a backslash as two"),
    (b'{"prompt": "\\u12"}', "an unknown escape"),
    (
        b'{"prompt": "a\\\nboat"}',
        "a raw line break after a backslash in a text at line 1, column 14; write both as \\n",
    ),
    (b'{"prompt": "a\\\r\nboat"}', "a raw line break after a backslash in a text at line 1, column 14"),
    (b'{"prompt": "a boat",}', "a comma before the end of an object or array at line 1, column 2"),
    (b'{"prompt": ["a",]}', "a comma before the end"),
    (b'{"prompt": "a",,"seed": 5}', "a comma too many at line 1, column 16; leave it out"),
    (b'{"prompt": "a", , }', "a comma too many at line 1, column 17"),
    (b'{"prompt": ["a",,"b"]}', "a comma too many at line 1, column 17"),
    (b'{,"prompt": "a"}', "a comma too many at line 1, column 2"),
    (b'{"prompt": [,"a"]}', "a comma too many at line 1, column 13"),
    (b"{,", "a comma too many at line 1, column 2"),
    (b',{"prompt": "a"}', "a comma too many at line 1, column 1"),
    (b'{"prompt": ,"seed": 5}', "no JSON at line 1, column 12."),  # a value is missing
    (OBJECT + b"}", "goes on after the end of its JSON, at line 1, column 21"),
    (OBJECT + b"\n" + OBJECT, "goes on after the end of its JSON, at line 2, column 1"),
    (b"{'prompt': 'a boat'}", "no JSON at line 1, column 2: names and texts stand in double quotation marks"),
    (b'\'{"prompt":', "no JSON at line 1, column 1: names and texts stand in double quotation marks"),
    (b"{prompt: a boat}", "names and texts stand in double quotation marks"),
    ("{\u201cprompt\u201d: \u201ca\u201d}".encode(), "names and texts stand in double quotation marks"),
    (b"{\"prompt\": 'a'}", "names and texts stand in double quotation marks"),
    (b'{"prompt": "a", "cache": True}', "it has true, false and null, not True, False and None"),
    (b'{"prompt": "a", "seed": None}', "it has true, false and null, not True, False and None"),
    (b'{"prompt": "the "red" boat"}', 'a quotation mark within a text is not written as \\"'),
    (b'{"prompt": "a" "seed": 5}', "a comma is missing"),
    (b'{"prompt": "a", "seed": 01}', "a malformed number at line 1, column 26"),
    (b'{"prompt": "a", "seed": 1.}', "a malformed number at line 1, column 26"),
    (b'{"prompt": "a", "seed": .5}', "a malformed number at line 1, column 25"),
    (b'{"prompt": "a", "seed": +5}', "a malformed number"),
    (b'{"prompt": "a", "seed": 0x1f}', "a malformed number"),
    (b'{"prompt": "a", "seed": 1_000}', "a malformed number"),
    (b'{"prompt": "a", // a boat\n"seed": 5}', "a comment at line 1, column 17, which JSON does not know"),
    (b'# a boat\n{"prompt": "a"}', "a comment at line 1, column 1"),
    (b'{"prompt": "a" /* boat */}', "a comment"),
    (b'{"prompt" "a"}', "no JSON at line 1, column 11."),
    (b"<html></html>", "no JSON at line 1, column 1."),
    (b"a boat", "no JSON at line 1, column 1."),
    (b"prompt=a+boat&seed=5", "The body is a form's fields."),
    (b"prompt=a%20boat", "The body is a form's fields."),
    (b"%7B%22prompt%22%3A%22a%22%7D", "The body is a form's fields."),
    (MULTIPART.replace(b"a boat", PICTURE.getvalue()), "The body is a multipart form."),
    ('{"prompt": "\u0e41'.encode()[:-1], "ends in the middle of a character: it was cut off"),
    (MULTIPART, "The body is a multipart form."),
]


@pytest.fixture(scope="module")
def worker_client(tmp_path_factory):
    return create_worker(Settings(local_storage_dir=tmp_path_factory.mktemp("images"))).test_client()


@pytest.mark.parametrize(("body", "sentence"), SENTENCES, ids=lambda value: repr(value)[:40])
def test_a_body_that_is_no_json_object_is_told_apart(front: Front, worker_client, body, sentence):
    ways: list[Callable[[], dict]] = [
        lambda: front.session.post(f"{front.url}/generate", data=body).json(),
        lambda: front.session.post(f"{front.url}/v1/images/generate", data=body).json(),
        lambda: front.session.post(f"{front.url}/v1/images/generations", data=body).json()["error"],
        lambda: front.said(body)["error"],
        lambda: worker_client.post("/generate", data=body).json,
    ]
    answers = [way() for way in ways]
    sentences = {answer.get("error") or answer.get("message") for answer in answers}
    assert len(sentences) == 1
    assert (sentence or "prompt must be") in sentences.pop()
    assert {answer["code"] for answer in answers} == {"invalid_parameter"}


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "text/plain", "application/json;charset=x"]
)
def test_the_content_decides_not_its_media_type(front, media_type):
    answer = front.session.post(f"{front.url}/generate", data=OBJECT, headers={"Content-Type": media_type})
    assert answer.status_code == 200
    assert json.loads(front.worker.requests[-1][3])["prompt"] == "a boat"


def test_no_sentence_repeats_the_body(front):
    for body in (b'{"prompt": "a secret', b'{"prompt": secret}', b"secret=secret", b'{"prompt": "\xe9secret"}'):
        assert "secret" not in front.session.post(f"{front.url}/generate", data=body).text
