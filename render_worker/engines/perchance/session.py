"""One visitor of Perchance: a browser context with a page for each route, which makes one picture at a time."""

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from render_worker.browser.browser import PAGE_OPEN_SECONDS, Browser, BrowserContext, BrowserError, Page
from render_worker.browser.errors import BrowserGone
from render_worker.contract import Recipe, SessionHealth
from render_worker.engines.base import GeneratedImage, Reporter
from render_worker.engines.perchance.errors import RouteClosed
from render_worker.engines.perchance.page_route import PageRoute
from render_worker.engines.perchance.parent import ParentServer
from render_worker.engines.perchance.routes import Routes
from render_worker.engines.perchance.settings import PerchanceSettings, Route
from render_worker.errors import EngineError

if TYPE_CHECKING:
    from render_worker.engines.perchance.package_route import PackageRoute

CLOSE_SECONDS = 2.0  # a slower close hangs
VISITOR_RECYCLES = 10  # of the pages; then the browser context goes, too

log = logging.getLogger(__name__)


class Session:
    """Pages that open on first use and are replaced after some pictures, because a page that stays grows."""

    def __init__(self, browser: Browser, parent: ParentServer, settings: PerchanceSettings, routes: Routes) -> None:
        self._browser = browser
        self._parent = parent
        self._settings = settings
        self._routes = routes
        self._context: BrowserContext | None = None
        self._pages: dict[Route, PageRoute | PackageRoute] = {}
        self._images = 0
        self._recycled = 0
        self._visited = False
        self._working = False

    def health(self) -> SessionHealth:
        """Return its state."""
        state: Literal["closed", "idle", "working"] = "idle" if self._context else "closed"
        return SessionHealth(state="working" if self._working else state, images=self._images)

    async def make(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        """Make one picture by the first route that is up to date. Raises BrowserGone if the browser died meanwhile."""
        self._working = True
        try:
            return await self._by_first_route(recipe, report)
        finally:
            self._working = False

    async def _by_first_route(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        failures: list[EngineError] = []
        for route in self._routes.open():
            if failures:
                report.setback(f"route {route} comes next: {failures[-1]}")
                report("starting", "That way to the site is closed; trying the next one.")
            try:
                return await self._make(route, recipe, report)
            except RouteClosed as error:
                self._routes.close(route, error)
                failures.append(error)
            except EngineError as error:
                if not error.try_next_route:
                    raise
                failures.append(error)
        raise self._routes.error_of(failures)

    async def _make(self, route: Route, recipe: Recipe, report: Reporter) -> GeneratedImage:
        page: PageRoute | PackageRoute | None = None
        try:
            page = await self._open_page(route)
            page.report = report
            image = await page.make(recipe)
        except BaseException as error:  # also if the request was cancelled
            if page and page.hangs:
                self._browser.give_up(page.page.context.browser)  # lest the next picture finds it hanging
            if isinstance(error, BrowserGone):
                await self.close()
            raise
        self._images += 1
        self._visited |= route == "page"
        if self._images >= self._settings.perchance_recycle_images:
            log.info("pages replaced after %d pictures", self._images)
            await self._recycle()
        return image

    async def _open_page(self, route: Route) -> "PageRoute | PackageRoute":
        alive = self._context is not None and self._browser.owns(self._context)
        page = self._pages.get(route)
        if alive and page and page.usable:
            return page
        blank = await self._blank() if alive else None
        if blank is None:
            await self.close()
            self._context = await self._browser.open_context()
            blank = await self._blank()
        if blank is None:
            raise BrowserGone("The browser died while it opened a page.")
        if route == "page":
            page = PageRoute(blank, self._settings, self._parent.url, visited=self._visited)
        else:
            from render_worker.engines.perchance.package_route import PackageRoute  # its package takes a while

            page = PackageRoute(blank, self._settings)
        self._pages[route] = page
        return page

    async def _blank(self) -> Page | None:
        """Return a new page of this context; None if the context or the browser is dead or hangs."""
        context = self._context
        if context is None:
            return None
        try:
            return await asyncio.wait_for(context.new_page(), PAGE_OPEN_SECONDS)
        except BrowserError:
            return None
        except TimeoutError:
            self._browser.give_up(context.browser)
            return None

    async def _recycle(self) -> None:
        """Close the pages, which grow, and stay the same visitor for some times: each has to visit the site first.

        What the package route fetches is in the visitor's cache, which grows as well, and a new one costs it nothing.
        """
        self._recycled += 1
        if "package" in self._pages or self._recycled == VISITOR_RECYCLES:
            await self.close()
            return
        pages, self._pages, self._images = self._pages, {}, 0
        for page in pages.values():
            await page.close()
            if page.hangs:
                self._browser.give_up(page.page.context.browser)

    async def close(self) -> None:
        """Close the pages with everything that they hold."""
        context, self._context, self._pages = self._context, None, {}
        self._images, self._recycled, self._visited = 0, 0, False
        if context is None or not self._browser.owns(context):
            return  # gone with its browser
        try:
            await asyncio.wait_for(context.close(), CLOSE_SECONDS)
        except BrowserError:
            pass  # what is dead needs no closing
        except TimeoutError:
            self._browser.give_up(context.browser)
