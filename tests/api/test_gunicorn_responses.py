"""gunicorn's responses as this tier sends them, before a connection that records what it is given."""

from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.util import http_date as gunicorns

from image_api.gunicorn_responses import GatheredResponse, fix_settings, http_date

REQUEST = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)


class Recorder:
    """A connection that says what was sent gathered, and what by itself."""

    def __init__(self) -> None:
        self.sent = []
        self.gathered = None

    def gather(self):
        self.gathered = []

    def send_gathered(self):
        self.sent.append(b"".join(self.gathered))
        self.gathered = None

    def sendall(self, data):
        (self.sent if self.gathered is None else self.gathered).append(data)


def response(*headers):
    made = GatheredResponse(REQUEST, Recorder(), Config())
    made.start_response("200 OK", list(headers))
    return made


def test_the_head_comes_with_the_first_part():
    made = response(("Content-Length", "4"))
    made.write(b"ab")
    made.write(b"cd")
    made.close()
    first, second = made.sock.sent
    assert first.endswith(b"\r\n\r\nab")
    assert second == b"cd"


def test_so_it_does_in_chunks():
    made = response()
    made.write(b"ab")
    made.close()
    first, last = made.sock.sent
    assert b"Transfer-Encoding: chunked" in first
    assert first.endswith(b"\r\n\r\n2\r\nab\r\n")
    assert last == b"0\r\n\r\n"


def test_a_response_without_a_body_is_its_head():
    made = response(("Content-Length", "0"))
    made.close()
    (head,) = made.sock.sent
    assert head.endswith(b"\r\n\r\n")


def test_an_empty_part_sends_the_head_at_once():
    made = response()
    made.write(b"")
    (head,) = made.sock.sent
    assert head.endswith(b"\r\n\r\n")


def test_the_head_is_sent_before_what_is_no_part():
    made = response()
    with pytest.raises(TypeError):
        made.write("text")
    assert made.headers_sent
    assert made.sock.gathered is None


@pytest.mark.parametrize("moment", [0, 1.9, 951_782_400, 4_102_444_799])
def test_a_date_is_as_gunicorn_writes_it(moment):
    assert http_date(moment) == gunicorns(moment)
    assert parsedate_to_datetime(http_date(moment)).timestamp() == int(moment)


def test_the_date_is_now():
    assert abs(parsedate_to_datetime(http_date()).timestamp() - parsedate_to_datetime(gunicorns()).timestamp()) <= 1


def test_fixed_settings_are_those_that_were_set():
    usual, fixed = Config(), Config()
    for config in (usual, fixed):
        config.set("keepalive", 17)
        config.set("bind", "127.0.0.1:1")
    fix_settings(fixed)
    hooks = {name for name in usual.settings if callable(getattr(usual, name))}
    for name in usual.settings.keys() - hooks:
        assert getattr(fixed, name) == getattr(usual, name), name
    assert {name for name in usual.settings if callable(getattr(fixed, name))} == hooks
    assert (vars(fixed)["keepalive"], fixed.address) == (17, usual.address)
