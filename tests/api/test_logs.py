"""Log lines are of bounded length and number, whatever a client sends."""

import io
import logging
import threading

import pytest

from render_worker.serving import logs
from render_worker.serving.logs import BURST, BoundedFormatter, RateLimit, shortened
from tests.fakes.processes import wait_until


@pytest.fixture
def log():
    """A logger whose lines end up in a text, with a clock that the test sets."""
    logger = logging.Logger("a test", logging.DEBUG)
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(BoundedFormatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    yield logger
    handler.close()


def lines(log) -> list[str]:
    return log.handlers[0].stream.getvalue().splitlines()


def test_a_value_is_cut_to_200_characters(log):
    log.info("%s sent %s", "a" * 300, b"b" * 300)
    (line,) = lines(log)
    first, second = line.removeprefix("INFO ").split(" sent ")
    assert (len(first), len(second)) == (200, 200)
    assert first.endswith("…")


def test_values_by_name_are_cut_too(log):
    log.info("%(what)s", {"what": "a" * 300})
    assert len(lines(log)[0]) == len("INFO ") + 200


def test_numbers_stay_numbers(log):
    log.info("%d of %.1f", 3, 2.25)
    assert lines(log) == ["INFO 3 of 2.2"]


@pytest.mark.parametrize("text", ["a\nINFO forged", "a\r\nb", "\x1b[2J", "a\u2028b", "\udc80", "\x00"])
def test_a_value_forges_no_line_and_no_control_sequence(log, text):
    log.warning("said %s", text)
    assert len(lines(log)) == 1
    assert lines(log)[0].isprintable()


def test_a_sentence_that_was_put_together_before_is_cut_as_a_whole(log):
    log.warning(f"said {'a' * 70_000}")
    assert len(lines(log)[0]) <= len("WARNING ") + logs.MAX_LINE


def test_a_traceback_is_cut_too(log):
    try:
        int("a" * 70_000, 36)
    except ValueError as error:
        log.exception("failed", exc_info=ValueError("a" * 70_000).with_traceback(error.__traceback__))
    assert max(map(len, lines(log))) <= logs.MAX_LINE + 2
    assert lines(log)[1] == "  Traceback (most recent call last):"


def test_a_traceback_forges_no_line(log):
    log.error("failed", exc_info=ValueError("a\nERROR forged"))
    assert [line for line in lines(log) if line.startswith("ERROR")] == ["ERROR failed"]


def test_escapes_are_not_longer_than_what_is_allowed():
    assert len(shortened("\x00" * 200)) == 200


@pytest.fixture
def limited(log, monkeypatch):
    """The same with a rate, counted within a moment."""
    monkeypatch.setattr(logs, "WINDOW_SECONDS", 0.5)
    monkeypatch.setattr(logging.getLogger(log.name), "handle", log.handle)  # where the count goes
    log.handlers[0].addFilter(RateLimit())
    return log


def refuse(log, times: int, kind: str | None = None) -> None:
    for number in range(times):
        log.warning("refused %d", number, extra={"kind": kind} if kind else None)


def test_equal_warnings_have_a_rate_and_are_counted_in_the_end(limited):
    refuse(limited, BURST + 500)
    assert len(lines(limited)) == BURST
    wait_until(lambda: len(lines(limited)) > BURST, "the count")
    assert lines(limited)[BURST:] == [f"WARNING 500 more like this were left out: refused {BURST}"]
    refuse(limited, 1)
    assert lines(limited)[-1] == "WARNING refused 0"


def test_failures_of_another_kind_are_not_left_out_with_them(limited):
    refuse(limited, BURST + 5, "worker_busy")
    refuse(limited, 1, "storage_failed")
    assert len(lines(limited)) == BURST + 1


def test_other_warnings_and_news_are_not_left_out_with_them(limited):
    for number in range(BURST + 1):
        limited.warning("refused %d", number)
        limited.info("made %d", number)
    limited.warning("another")
    assert sum(line.startswith("INFO") for line in lines(limited)) == BURST + 1
    assert lines(limited)[-1] == "WARNING another"


def test_what_is_remembered_of_kinds_is_bounded(limited, monkeypatch):
    monkeypatch.setattr(logs, "WINDOW_SECONDS", 0.0)
    monkeypatch.setattr(logs, "MAX_WINDOWS", 5)
    (limit,) = limited.handlers[0].filters
    for number in range(100):
        refuse(limited, 1, f"kind {number}")
    assert len(limit._windows) <= 5


def test_a_speculative_request_is_no_failure(client, caplog):
    client.get("/generate?prompt=a", headers={"Sec-Purpose": "prefetch"})
    assert "failed" not in caplog.text


def test_what_ends_a_thread_is_logged_within_the_bounds(monkeypatch, caplog):
    monkeypatch.setattr(threading, "excepthook", logs._thread_failed)
    failing = threading.Thread(target=int, args=("a" * 10,), name="of the test")
    failing.start()
    failing.join()
    (record,) = caplog.records
    assert record.getMessage() == "of the test: unexpected error"
    assert record.exc_info
