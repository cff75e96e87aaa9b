"""Requests of a page's own script to its site, each with a limit: a reply that gets too large is cancelled there.

Scripts follow no redirect: what the site answers must not lead the browser to another host.
"""

import base64
from dataclasses import dataclass
from typing import Any

from render_worker.engines.perchance.errors import PerchanceChanged
from render_worker.engines.perchance.replies import error_of_page
from render_worker.engines.perchance.site_page import MAX_TEXT_BYTES, SitePage
from render_worker.errors import EngineError
from render_worker.outbound.download import MAX_PICTURE_BYTES, picture_too_large

MAX_REPLY_BYTES = MAX_PICTURE_BYTES * 4 // 3 + 2**20  # a picture may come within the reply, in base64
HTTP_OK = 200
# A redirect is told as the status 0. `data` is base64, or text where that is asked for.
FETCH = """async ([url, options, limit, asText]) => {
  const body = options.body && JSON.stringify(options.body);
  const response = await fetch(url, { ...options, body, redirect: "manual" });
  const told = { status: response.status, headers: Object.fromEntries(response.headers) };
  if (!response.body) return { ...told, data: "" };
  const reader = response.body.getReader(), chunks = [];
  for (let size = 0, part; !(part = await reader.read()).done; chunks.push(part.value)) {
    size += part.value.length;
    if (size > limit) { await reader.cancel(); return { ...told, data: null }; }
  }
  const whole = new Blob(chunks);
  if (asText) return { ...told, data: await whole.text() };
  const file = new FileReader();
  file.readAsDataURL(whole);
  await new Promise(resolve => { file.onloadend = resolve; });
  return { ...told, data: file.result.split(",")[1] || "" };
}"""


@dataclass(frozen=True)
class Fetched:
    """What a script got: `data` is text or base64, None if there was more than the limit."""

    status: int
    headers: dict[str, str]
    data: str | None

    @property
    def text(self) -> str:
        """Return the text. Raises PerchanceChanged if there was more than the limit."""
        if self.data is None:
            raise PerchanceChanged("Perchance's reply is far larger than any that is expected.")
        return self.data

    def picture(self) -> bytes:
        """Return the bytes of a picture. Raises the error that any other reply means."""
        if self.status != HTTP_OK:
            raise self.refusal()
        if self.data is None:
            raise picture_too_large()
        return base64.b64decode(self.data)

    def refusal(self) -> EngineError:
        """Return the error that bytes in place of a picture mean."""
        page = base64.b64decode((self.data or "")[:MAX_TEXT_BYTES]).decode(errors="replace")
        return error_of_page(self.status, self.headers, page)


async def fetch_text(page: SitePage, phase: str, seconds: float, url: str, **options: Any) -> Fetched:
    """Return the reply to a request of the page's.

    `options` are those of the browser's `fetch`; a `body` is sent as JSON.
    """
    return await _fetch(page, phase, seconds, [url, options, MAX_REPLY_BYTES, True])


async def fetch_bytes(page: SitePage, phase: str, seconds: float, url: str) -> Fetched:
    """Return the reply to a GET of the page's, its bytes as base64."""
    return await _fetch(page, phase, seconds, [url, {}, MAX_PICTURE_BYTES, False])


async def _fetch(page: SitePage, phase: str, seconds: float, argument: list[object]) -> Fetched:
    found = await page.within(phase, seconds, page.page.evaluate(FETCH, argument))
    return Fetched(found["status"], found["headers"], found["data"])
