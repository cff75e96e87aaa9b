"""One visitor of Perchance: a browser context with its page and key, which makes one picture at a time."""

import asyncio
from typing import Any

import perchance

from render_worker.browser import Browser, BrowserGone
from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage, Report
from render_worker.engines.perchance.kept_page import KeptPage
from render_worker.engines.perchance.replies import KeyRefused, PreviousUnfinished
from render_worker.errors import UnexpectedReply
from render_worker.settings import Settings

LOWEST_GUIDANCE = 1.0  # the package documents 1 to 30


class _Package(perchance.ImageGenerator):  # type: ignore[misc]  # the package ships no types
    """The package's generator, talking on a page that is lent to it."""

    def __init__(self, base_url: str, page: KeptPage) -> None:
        super().__init__()
        self.BASE_URL = base_url
        self._context: Any = self  # the package asks its context for nothing but pages
        self._page = page

    async def _start(self) -> None:
        """Start nothing: the page is there."""

    async def new_page(self) -> KeptPage:
        """Lend the kept page."""
        return self._page


class Session:
    """A kept page, opened when it is needed and replaced after some pictures, because a page that stays grows."""

    def __init__(self, browser: Browser, settings: Settings) -> None:
        self._browser = browser
        self._settings = settings
        self._page: KeptPage | None = None
        self._images = 0

    async def make(self, recipe: Recipe, report: Report) -> GeneratedImage:
        """Make one picture. BrowserGone where the browser died meanwhile."""
        page = await self._open()
        page.report = report
        try:
            result = await self._ask(page, recipe)
            data: bytes = (await result.download()).getvalue()
        except BrowserGone:
            await self.close()
            raise
        self._images += 1
        if self._images >= self._settings.perchance_recycle_images:
            await self.close()
        return GeneratedImage(data, result.seed, float(result.guidance_scale), bool(result.maybe_nsfw))

    async def _ask(self, page: KeptPage, recipe: Recipe) -> perchance.ImageResult:
        package = _Package(self._settings.perchance_base_url, page)
        keys_refused = 0
        while True:
            try:
                return await package.image(
                    recipe.prompt,
                    negative_prompt=recipe.negative_prompt,
                    seed=recipe.seed,
                    shape=recipe.shape,
                    guidance_scale=max(recipe.guidance_scale, LOWEST_GUIDANCE),
                )
            except PreviousUnfinished:
                page.report("waiting for the site's previous picture")
                await asyncio.sleep(self._settings.perchance_poll_seconds)
            except KeyRefused:
                keys_refused += 1
                if keys_refused > 1:
                    raise UnexpectedReply("Perchance refused two keys in a row that it had just given.") from None
                page.forget_key()

    async def _open(self) -> KeptPage:
        if self._page is None or not self._page.usable:
            await self.close()
            self._page = KeptPage(await self._browser.open_page(), self._settings)
            self._images = 0
        return self._page

    async def close(self) -> None:
        """Close the page with everything that it gathered."""
        page, self._page = self._page, None
        if page:
            await page.close()
