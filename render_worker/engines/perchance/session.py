"""One visitor of Perchance: a browser context with a page for each route, which makes one picture at a time."""

import asyncio
import contextlib
import logging
from typing import Literal

from render_worker.browser import OPEN_SECONDS, Browser, BrowserContext, BrowserError, BrowserGone
from render_worker.contract import Recipe, SessionHealth
from render_worker.engines.base import GeneratedImage, Report
from render_worker.engines.perchance.package_route import PackageRoute
from render_worker.engines.perchance.page_route import PageRoute
from render_worker.engines.perchance.parent import ParentServer
from render_worker.errors import EngineError
from render_worker.settings import Settings

CLOSE_SECONDS = 1.0

log = logging.getLogger(__name__)
Route = Literal["page", "package"]


class Session:
    """Pages that are opened when they are needed and replaced after some pictures, because a page that stays grows."""

    def __init__(self, browser: Browser, parent: ParentServer, settings: Settings) -> None:
        self._browser = browser
        self._parent = parent
        self._settings = settings
        self._context: BrowserContext | None = None
        self._pages: dict[Route, PageRoute | PackageRoute] = {}
        self._images = 0
        self._working = False

    def health(self) -> SessionHealth:
        """What it is doing."""
        state: Literal["closed", "idle", "working"] = "idle" if self._context else "closed"
        return SessionHealth(state="working" if self._working else state, images=self._images)

    async def make(self, recipe: Recipe, report: Report) -> GeneratedImage:
        """Make one picture by the first route that is up to date. BrowserGone where the browser died meanwhile."""
        self._working = True
        try:
            return await self._by_first_route(recipe, report)
        finally:
            self._working = False

    async def _by_first_route(self, recipe: Recipe, report: Report) -> GeneratedImage:
        *others, last = self._settings.perchance_routes
        for route in others:
            try:
                return await self._make(route, recipe, report)
            except EngineError as error:
                if not error.elsewhere:
                    raise
                log.warning("route %s gives way: %s", route, error)
                report("starting", "That way to the site is closed; trying the next one.")
        return await self._make(last, recipe, report)

    async def _make(self, route: Route, recipe: Recipe, report: Report) -> GeneratedImage:
        try:
            page = await self._open(route)
            page.report = report
            image = await page.make(recipe)
        except BrowserGone:
            await self.close()
            raise
        self._images += 1
        if self._images >= self._settings.perchance_recycle_images:
            log.info("pages replaced after %d pictures", self._images)
            await self.close()
        return image

    async def _open(self, route: Route) -> PageRoute | PackageRoute:
        page = self._pages.get(route)
        if page and page.usable:
            return page
        if self._context is None:
            self._context = await self._browser.open_context()
        try:
            blank = await asyncio.wait_for(self._context.new_page(), OPEN_SECONDS)
        except (BrowserError, TimeoutError) as error:
            self._browser.give_up(self._context.browser)
            raise BrowserGone("The browser died while it opened a page.") from error
        if route == "page":
            page = PageRoute(blank, self._settings, self._parent.url)
        else:
            page = PackageRoute(blank, self._settings)
        self._pages[route] = page
        return page

    async def close(self) -> None:
        """Close the pages with everything that they gathered."""
        context, self._context, self._pages, self._images = self._context, None, {}, 0
        if context:
            with contextlib.suppress(BrowserError, TimeoutError):  # what is dead needs no closing
                await asyncio.wait_for(context.close(), CLOSE_SECONDS)
