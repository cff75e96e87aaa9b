"""The route by the `perchance` package, on a page that is reused in place of a new one for each picture.

The package opens a page, navigates it to verifyUser, reads the key out of it and calls `fetch` there; then it does
the same again for the download. Here page and key are reused, so that only the two fetches remain, and each reply is
checked before the package sees it: the package looks only for the keys it needs and loses the reply's status.
"""

import asyncio
from typing import Any, Self

import perchance

from render_worker.browser.browser import Page, Response
from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.perchance.errors import GenerationFailed, PerchanceChanged, StaleRequest
from render_worker.engines.perchance.replies import KeyRefused, PreviousUnfinished, check_generated, read_user_key
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.perchance.site_page import MAX_TEXT_BYTES, SitePage, guidance_of, text_of
from render_worker.engines.perchance.sizes import SHAPES, SIZES
from render_worker.outbound.download import MAX_PICTURE_BYTES, picture_missing, picture_too_large
from render_worker.serving.deadline import Deadline

HTTP_OK, NOT_FOUND = 200, 404
# The package's own download script with a limit: it cancels a picture that gets too large before it fills the memory.
DOWNLOAD = """async ([url, limit]) => {
  const response = await fetch(url);
  if (!response.ok) return { ok: false, status: response.status };
  const reader = response.body.getReader(), chunks = [];
  for (let size = 0, part; !(part = await reader.read()).done; chunks.push(part.value)) {
    size += part.value.length;
    if (size > limit) { await reader.cancel(); return { ok: false, status: response.status }; }
  }
  const file = new FileReader();
  file.readAsDataURL(new Blob(chunks));
  await new Promise(resolve => { file.onloadend = resolve; });
  return { ok: true, data: file.result.split(",")[1] || "" };
}"""


class PackageRoute(SitePage):
    """A page with its key. It has the four methods that the package calls on a page."""

    def __init__(self, page: Page, settings: PerchanceSettings) -> None:
        super().__init__(page, settings)
        self._key: str | None = None
        self._package = _Package(settings.perchance_base_url, self)

    async def make(self, recipe: Recipe) -> GeneratedImage:
        """Make one picture."""
        result = await self._request_picture(recipe)
        data = await self._download(result)
        return GeneratedImage(data, int(result.seed), float(result.guidance_scale), bool(result.maybe_nsfw))

    async def _request_picture(self, recipe: Recipe) -> perchance.ImageResult:
        retried: set[type[Exception]] = set()
        while True:
            try:
                return await self._package.image(
                    recipe.prompt,
                    negative_prompt=recipe.negative_prompt,
                    seed=recipe.seed,
                    shape=SHAPES[SIZES.plan(recipe).made],
                    guidance_scale=guidance_of(recipe),
                )
            except PreviousUnfinished:
                self.report("generating", "Waiting for the site, which still makes another picture.")
                await asyncio.sleep(self.settings.perchance_poll_seconds)
            except (KeyRefused, StaleRequest, GenerationFailed) as error:
                if type(error) in retried:
                    raise _after_retry(error) from None
                retried.add(type(error))
                if isinstance(error, KeyRefused):
                    self._key = None

    async def _download(self, result: perchance.ImageResult) -> bytes:
        seconds = self.settings.perchance_download_seconds
        deadline = Deadline.after(seconds)
        while True:
            try:
                data: bytes = (await result.download()).getvalue()
            except _NotThereYet:
                if deadline.remaining < self.settings.perchance_poll_seconds:
                    raise picture_missing(seconds) from None
                await asyncio.sleep(self.settings.perchance_poll_seconds)
                continue
            return data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Keep the page, which the package means to close."""

    async def goto(self, url: str) -> None:
        """Navigate to verifyUser for a key if there is none. Raises the error that the reply means."""
        if self._key is None:
            self.report("verifying")
            seconds = self.settings.perchance_verify_seconds
            response = await self.within("verifying", seconds, self._navigated(url))
            self._key = read_user_key(response.status, response.headers, await text_of(response))

    async def _navigated(self, url: str) -> Response:
        # The timeout is the phase's. A body that is announced as huge is not read: the page stops.
        response = await self.page.goto(url, timeout=0, wait_until="commit")
        if response is None:
            raise PerchanceChanged("Perchance sent no reply to verifyUser.")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_TEXT_BYTES:
            await self.let_go()
            raise PerchanceChanged("Perchance's reply to verifyUser is far larger than any key.")
        await self.page.wait_for_load_state(timeout=0)
        return response

    async def content(self) -> str:
        """Return the text in which the package searches for the key."""
        return f'{{"userKey":"{self._key}"}}'

    async def evaluate(self, script: str, argument: object) -> Any:
        """Run one of the package's two fetches and return its reply; that of `generate` has an object as argument.

        Raises the error that the reply means.
        """
        if isinstance(argument, dict):
            self.report("generating")
            fetch = self.page.evaluate(script, argument)
            reply = await self.within("generating", self.settings.perchance_generate_seconds, fetch)
            check_generated(reply, self.last_status)
        else:
            self.report("downloading")
            fetch = self.page.evaluate(DOWNLOAD, [argument, MAX_PICTURE_BYTES])
            reply = await self.within("downloading", self.settings.perchance_download_seconds, fetch)
            if not reply["ok"]:
                raise await self._download_error(reply["status"])
        return reply

    async def _download_error(self, status: int) -> Exception:
        if status == NOT_FOUND:
            return _NotThereYet()
        return picture_too_large() if status == HTTP_OK else await self.unreadable()


class _Package(perchance.ImageGenerator):  # type: ignore[misc]  # the package ships no types
    """The package's generator, on a page of ours."""

    def __init__(self, base_url: str, page: PackageRoute) -> None:
        super().__init__()
        self.BASE_URL = base_url
        self._context: Any = self  # the package calls its context for nothing but pages
        self._page = page

    async def _start(self) -> None:
        """Start nothing: there is a page."""

    async def new_page(self) -> PackageRoute:
        """Return the page."""
        return self._page


class _NotThereYet(Exception):
    """Raised if the picture was announced but cannot be downloaded yet."""


def _after_retry(error: KeyRefused | StaleRequest | GenerationFailed) -> Exception:
    if isinstance(error, KeyRefused):
        return PerchanceChanged("Perchance refused two keys in a row that it had just given.")
    return error
