"""The page's reader of server-sent events, cut at every byte."""

import pytest

from tests.page.conftest import Page

PARSE = """async ([stream, cuts]) => {
  const module = await import(document.querySelector('script[src]').src.replace(/[^/]*$/, 'stream.js'));
  const bytes = Uint8Array.from(stream);
  const outcomes = new Set();
  for (const cut of cuts) {
    const seen = { events: [], ids: [], retries: [] };
    const push = module.parser((event) => seen.events.push([event.type, event.data, event.id]), {
      onId: (id) => seen.ids.push(id), onRetry: (retry) => seen.retries.push(retry),
    });
    for (let from = 0, index = 0; from < bytes.length; index += 1) {
      const to = Math.min(bytes.length, cut[index] ?? bytes.length);
      push(bytes.subarray(from, to));
      from = to;
    }
    outcomes.add(JSON.stringify(seen));
  }
  return [...outcomes].map((outcome) => JSON.parse(outcome));
}"""
EVENTS = (
    "\ufeffretry: 3000\n\n"
    ": heartbeat é\nid: a:0\n\n"
    'event: progress\nid: a:1\ndata: {"message":"größer 🌊 日本"}\n\n'
    "event:picture\ndata:first\ndata:  second\ndata\n\n"
    "data: no name\nunknown: field\nretry: soon\n\n"
    "event: named but empty\n\n"
    "id: has\0nul\ndata: keeps the id\n\n"
    "id\ndata: resets the id\n\n"
    "data: never ended"
)
SEEN = {
    "events": [
        ["progress", '{"message":"größer 🌊 日本"}', "a:1"],
        ["picture", "first\n second\n", "a:1"],
        ["message", "no name", "a:1"],
        ["message", "keeps the id", "a:1"],
        ["message", "resets the id", ""],
    ],
    "ids": ["a:0", "a:1", "a:1", "a:1", "a:1", "a:1"],
    "retries": [3000],
}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_a_stream_cut_at_any_byte_is_read_the_same(page, ending):
    stream = EVENTS.replace("\n", ending).encode()
    once = [[cut] for cut in range(1, len(stream))]
    twice = [[cut, cut + 1] for cut in range(1, len(stream) - 1)]
    every = [list(range(1, len(stream)))]
    assert parsed(page, stream, [[], *once, *twice, *every]) == [SEEN]


def test_endings_may_differ_within_a_stream(page):
    stream = b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r\n"
    cuts = [[cut] for cut in range(1, len(stream))]
    events = [["message", "a\nb\nc", ""], ["message", "d", ""]]
    assert parsed(page, stream, cuts) == [{"events": events, "ids": [], "retries": []}]


def test_an_event_comes_at_its_blank_line_and_no_later(page):
    assert parsed(page, b"data: a\r\r", [[]])[0]["events"] == [["message", "a", ""]]


def parsed(page: Page, stream: bytes, cuts: list[list[int]]) -> list[dict]:
    """Return what the page reads, without what is the same for several cuts."""
    return page.evaluate(PARSE, [list(stream), cuts])
