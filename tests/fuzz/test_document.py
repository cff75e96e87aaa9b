"""schemathesis finds nothing wrong with the document or the service; `make fuzz-document` prints its reports."""

import re

import pytest

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
