"""schemathesis finds nothing wrong with the document or the service; `make fuzz-document` prints its reports."""

import re

import pytest

from image_api.application import create_app
from image_api.services import services_of
from image_api.settings import Settings
from tests.fuzz.document import LIMIT_SECONDS, SECONDS, SHARES, WITH_KEYS, try_all
from tests.fuzz.document_checks import EXCLUDED, FAILED, REFUSED

ENOUGH = 5
"""Requests of each share, at least: hundreds on a machine that is free, nine were seen on one that was not."""


@pytest.mark.timeout(SECONDS + 2 * LIMIT_SECONDS)
def test_the_service_keeps_to_its_document():
    reports = try_all()
    assert [f"{share}: {it.stdout[-8000:]}{it.stderr}" for share, it in reports.items() if it.returncode] == []
    sent = {share: int(re.search(r"(\d+) generated", it.stdout)[1]) for share, it in reports.items()}
    assert set(sent) == {*SHARES, WITH_KEYS}
    assert min(sent.values()) >= ENOUGH, sent


def test_each_exception_has_a_reason():
    assert all(it.reason for it in (*REFUSED, *FAILED))
    assert all(EXCLUDED.values())


@pytest.fixture(scope="module")
def client():
    app = create_app(Settings())
    yield app.test_client()
    services_of(app).stop()


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "sketch", "prefer": "free"},
        {"model": "sketch", "within": 5},
        {"width": 768},
        {"width": 768, "size": "768x768"},
        {"width": 768, "height": 512, "shape": "portrait"},
        {"width": 768, "height": 512, "aspect_ratio": "2:1"},
        {"width": 64, "aspect_ratio": "1:9"},
        {"aspect_ratio": "1:900"},
        {"strength": 0.5},
        {"lora_scale": 1},
        {"output_format": "png", "output_compression": 50},
        {"prompt": "a" * 2000, "style": "comic"},
    ],
    ids=lambda fields: "&".join(f"{name}={str(text)[:9]}" for name, text in fields.items()),
)
def test_fields_that_contradict_each_other_are_excused(client, fields):
    answer = client.get("/generate", query_string={"prompt": "a hat", **fields})
    assert answer.status_code == 400
    assert [it.reason for it in REFUSED if it.status == 400 and re.search(it.text, answer.text)], answer.text
