"""/v1/images/edits, requested by OpenAI's own Python client and by others."""

import hashlib
import io
import resource

import openai
import pytest
import requests
from PIL import Image

from tests.api.edits import DATA_URL, LARGE_URL, MADE, document, form, refusal
from tests.api.pictures import JPEG, PNG, WEBP

MIB = 1024 * 1024


EVERYTHING = {
    "prompt": "a hat",
    "model": "gpt-image-2",
    "n": 2,
    "size": "1024x1024",
    "quality": "high",
    "background": "opaque",
    "input_fidelity": "high",
    "output_format": "jpeg",
    "output_compression": 50,
    "partial_images": 0,
    "user": "me",
}


@pytest.mark.parametrize("image", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_it_works(ai, worker, image):
    page = ai.images.edit(image=("a", image), response_format="url", extra_body={"strength": 0.4}, **EVERYTHING)
    assert [it.url is not None for it in page.data] == [True, True]
    digest = hashlib.sha256(image).hexdigest()
    asked = worker.asked_to_make()
    assert [(it["image"], it["strength"], it["output_format"]) for it in asked] == [(digest, 0.4, "jpeg")] * 2
    assert worker.sent_images() == [image, image]


def test_the_picture_has_the_proportion_of_the_image(ai, worker):
    tall = io.BytesIO()
    Image.new("RGB", (30, 40)).save(tall, "PNG")
    for fields in ({}, {"size": "auto"}, {"size": "1024x1024"}):
        ai.images.edit(image=("a", tall.getvalue()), prompt="a hat", **fields)
    asked = [(it.get("aspect_ratio"), it.get("width")) for it in worker.asked_to_make()]
    assert asked == [("3:4", None), ("3:4", None), (None, 1024)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image": [("a.png", PNG), ("b.jpg", JPEG)]}, "send one image"),
        ({"image": ("a.png", PNG), "mask": ("mask.png", PNG)}, "by a mask; leave it out"),
    ],
    ids=["several images", "mask"],
)
def test_what_no_engine_does_is_refused_with_what_to_do(ai, worker, fields, said):
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.edit(**fields, **EVERYTHING)
    error = refused.value
    assert (error.code, error.type, error.param) == ("unsupported", "invalid_request_error", None)
    assert said in error.body["message"]
    assert worker.requests == []


def test_that_no_engine_takes_images_is_told_in_openai_s_words(ai, worker):
    sentence = "image cannot be honoured by any engine that is enabled here; leave it out."
    worker.say(400, {"success": False, "error": sentence, "code": "invalid_parameter"})
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.edit(image=("a.png", PNG), prompt="a hat")
    assert (refused.value.param, refused.value.body["message"]) == ("image", sentence)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"width": 1024}, "height"),
        ({"width": 1001, "height": 1024}, "width"),
        ({"aspect_ratio": "5:1"}, "aspect_ratio"),
        ({"strength": 0}, "strength"),
        ({"strength": 1.1}, "strength"),
    ],
    ids=str,
)
def test_other_fields_are_checked_as_of_generations(ai, fields, param):
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.edit(image=("a.png", PNG), prompt="a hat", extra_body=fields)
    assert (refused.value.code, refused.value.param) == ("invalid_parameter", param)


@pytest.mark.parametrize(
    ("name", "own"),
    [("num_inference_steps", "steps"), ("sampler_name", "scheduler"), ("denoising_strength", "strength")],
)
def test_what_others_call_a_parameter_is_refused_with_a_pointer(ai, worker, name, own):
    with pytest.raises(openai.BadRequestError, match=f"{own} is its name") as refused:
        ai.images.edit(image=("a.png", PNG), prompt="a hat", extra_body={name: 1})
    assert (refused.value.param, worker.requests) == (name, [])


@pytest.mark.parametrize("name", ["image", "images", "image[]", "images[]", "image[0]"])
def test_clients_name_the_pictures_in_many_ways(base, name):
    assert refusal(form(base, (name, ("a", PNG)))) == MADE
    assert refusal(form(base, (name, ("a", PNG)), (name, ("b", PNG)))) == (400, "unsupported", None)


@pytest.mark.parametrize(
    ("files", "texts", "named"),
    [
        ([("mask", ("a", PNG))], {}, "image"),
        ([("image", ("a", b""))], {}, "image"),
        ([("image", ("a", b"GIF89a" + bytes(50)))], {}, "image"),
        ([("image", ("a", PNG[:12]))], {}, "image"),
        ([("image", ("a", b"RIFF\0\0\0\0WAVEfmt "))], {}, "image"),
        ([("image", ("a.png", b"<svg/>", "image/png"))], {}, "image"),
        ([("image[]", ("a", PNG))] * 17, {}, "image"),
        ([("image", ("a", PNG)), ("image[]", ("a", b"no"))], {}, "image"),
        ([("mask", ("a", PNG))], {"image": "a.png"}, "image"),
        ([("image", ("a", PNG)), ("mask", ("a", JPEG))], {}, "mask"),
        ([("image", ("a", PNG)), ("mask", ("a", PNG)), ("mask", ("a", PNG))], {}, "mask"),
        ([("image", ("a", PNG))], {"mask": "a.png"}, "mask"),
        ([("image", ("a", PNG)), ("markup", ("a", PNG))], {}, "markup"),
        ([("image", ("a", PNG))], {"prompt": ""}, "prompt"),
        ([("image", ("a", PNG))], {"prompt": "a" * 2001}, "prompt"),
        ([("image", ("a", PNG))], {"prompt": b"caf\xe9"}, "prompt"),
        ([("image", ("a", PNG)), ("size", ("a", b"1024x1024"))], {}, "size"),
        ([("image", ("a", PNG))], {"n": "0"}, "n"),
        ([("image", ("a", PNG))], {"n": "11"}, "n"),
        ([("image", ("a", PNG))], {"n": "two"}, "n"),
        ([("image", ("a", PNG))], {"n": ["1", "2"]}, "n"),
        ([("image", ("a", PNG))], {"size": "big"}, "size"),
        ([("image", ("a", PNG))], {"background": "transparent"}, "background"),
        ([("image", ("a", PNG))], {"input_fidelity": "medium"}, "input_fidelity"),
        ([("image", ("a", PNG))], {"output_format": "gif"}, "output_format"),
        ([("image", ("a", PNG))], {"response_format": "png"}, "response_format"),
        ([("image", ("a", PNG))], {"quality": "best"}, "quality"),
        ([("image", ("a", PNG))], {"frame_count": "3"}, "frame_count"),
        ([("image", ("a", PNG))], {"model": "a b"}, "model"),
        ([("image", ("a", PNG))], {"stream": "perhaps"}, "stream"),
        ([("image", ("a", PNG))], {"partial_images": "4"}, "partial_images"),
        ([("image", ("a", PNG))], {"output_format": "jpeg", "output_compression": "101"}, "output_compression"),
        ([("image", ("a", PNG))], {"seed": "-2"}, "seed"),
    ],
    ids=str,
)
def test_what_is_invalid_is_refused_by_name(base, files, texts, named):
    answer = form(base, *files, **texts)
    assert refusal(answer) == (400, "invalid_parameter", named)


def test_empty_optional_fields_are_the_same_as_left_out(base):
    answer = form(base, ("image", ("a", PNG)), n="", size="", user="", model="", mask="")
    assert refusal(answer) == MADE


def test_a_browser_s_untouched_file_fields_are_the_same_as_left_out(base):
    untouched = b'--b\r\nContent-Disposition: form-data; name="%s"; filename=""\r\n\r\n\r\n'
    image = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + PNG
    prompt = b'\r\n--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na hat\r\n--b--\r\n'
    answer = raw(base, untouched % b"mask" + untouched % b"image" + image + prompt)
    assert refusal(answer) == MADE
    answer = raw(base, untouched % b"image" + prompt.removeprefix(b"\r\n"))
    assert refusal(answer) == (400, "invalid_parameter", "image")


def test_a_part_of_a_file_without_a_name_is_told_so(base):
    picture = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + PNG + b"\r\n--b--\r\n"
    answer = raw(base, picture)
    assert refusal(answer) == (400, "invalid_parameter", "image")
    assert "must have a file name" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\0b.png", 'a"\r\nX-Y: z', "", "แมว.png", "a" * 5000],
    ids=lambda name: repr(name)[:20],
)
def test_a_file_may_have_any_name(base, name):
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n' % name.encode()
    prompt = b'\r\n--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na hat\r\n--b--\r\n'
    answer = raw(base, head + PNG + prompt)
    assert refusal(answer) == MADE


def raw(base: str, body: bytes, kind: str = "multipart/form-data; boundary=b", **headers: str) -> requests.Response:
    headers = {"Content-Type": kind, **{name.replace("_", "-"): it for name, it in headers.items()}}
    return requests.post(base + "/v1/images/edits", data=body, headers=headers, timeout=9)


PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"", "multipart/form-data", "boundary"),
        (b"", "multipart/form-data; boundary=", "boundary"),
        (b"--b--", "multipart/form-data; boundary=" + "b" * 201, "boundary"),
        (b"", "multipart/form-data; boundary=b", "complete form"),
        (PART % (b"prompt", b"a") + b"--b--", "multipart/form-data; boundary=c", "complete form"),
        (PART % (b"prompt", b"a"), "multipart/form-data; boundary=b", "complete form"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\na\r\n--b--", "multipart/form-data; boundary=b", "complete form"),
        (b"--b\r\n\xff: \xfe\r\n\r\na\r\n--b--", "multipart/form-data; boundary=b", "complete form"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b--", "multipart/form-data; boundary=b", "have a name"),
        (PART % (b"a\xc3\xa9 ", b"\xff") + b"--b--", "multipart/form-data; boundary=b", "in UTF-8"),
        (b"prompt=a", "application/x-www-form-urlencoded", "multipart/form-data, or application/json"),
        (PNG, "image/png", "multipart/form-data, or application/json"),
        (PNG, "", "multipart/form-data, or application/json"),
        (b"{", "application/json", "cut off"),
        (b"[]", "application/json", "JSON object"),
        (b"", "application/json", "JSON object"),
        (b'{"image": "' + b"A" * 9000 + b'"', "application/json", "cut off"),
        (b'{"' + b"A" * 9000 + b'": 1}', "application/json", "JSON object"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_body_that_cannot_be_read_is_told_apart_by_its_sentence(base, body, kind, sentence):
    answer = raw(base, body, kind)
    assert refusal(answer)[:2] == (400, "invalid_parameter")
    assert sentence in answer.json()["error"]["message"]


def test_a_compressed_body_is_refused_by_its_sentence(base):
    answer = raw(base, b"\x1f\x8b", Content_Encoding="gzip")
    assert refusal(answer)[:2] == (400, "invalid_parameter")
    assert "Content-Encoding" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PART % (b"image", b"a") * 10_000 + b"--b--", "multipart/form-data; boundary=b"),
        (PART % (b"prompt", b"a" * 70_000) + b"--b--", "multipart/form-data; boundary=b"),
        (b"--b\r\nX: " + b"a" * 70_000 + b"\r\n\r\n\r\n--b--", "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"X: a\r\n" * 20_000 + b"\r\n\r\n--b--", "multipart/form-data; boundary=b"),
        (PART % (b"prompt", b"a") + b"--b--" + b"a" * 70_000, "multipart/form-data; boundary=b"),
        (b"[" * 300_000, "application/json"),
        (b'{"image": [' + b"[]," * 100_000 + b"[]]}", "application/json"),
        (b'{"n": ' + b"1" * 300_000 + b"}", "application/json"),
        (b'{"prompt": "' + b"!" * 300_000 + b'"}', "application/json"),
        (b'"' * 300_000, "application/json"),
        (b'{"prompt":"a","image":[' + b'"AAAA",' * 100 + b'""]}', "application/json"),
        (b'{"prompt":"a","image":[' + b'"%s",' % (b"AAAA" * 2500) * 50 + b'""]}', "application/json"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_picture_is_bounded(base, body, kind):
    assert refusal(raw(base, body, kind)) == (413, "too_large", None)


def test_a_prompt_of_base64_is_no_picture(base):
    answer = document(base, prompt="A" * 10_000, image=DATA_URL)
    assert refusal(answer) == (400, "invalid_parameter", "prompt")


def test_quotes_in_a_text_end_no_picture(base):
    answer = document(base, prompt='say "' + "A" * 1000 + '"', image=LARGE_URL)
    assert refusal(answer) == MADE


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/images/edits", "/v1/images/variations"])
def test_another_method_is_told_which_one(base, method, path):
    answer = requests.request(method, base + path, timeout=9)
    assert refusal(answer) == (405, "method_not_allowed", None)
    assert answer.json()["error"]["message"] == "This address takes POST alone."


def test_on_a_full_disk_the_service_is_busy(base):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))  # a write beyond it fails as one to a full disk does
    try:
        answers = [form(base, ("image", ("a", PNG + bytes(size)))) for size in (MIB - 1000, MIB, 3 * MIB)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [refusal(it)[1] for it in answers] == [None, "service_busy", "service_busy"]


def test_without_room_for_files_the_service_is_busy(base, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    answer = form(base, ("image", ("a", PNG)))
    assert refusal(answer) == (503, "service_busy", None)
    assert answer.headers["Retry-After"]
