"""The route by the site's own page for outside apps, perchance.org/perchance-ai-api.

A parent document of ours frames that page, which makes the picture and posts its address to the parent. Nothing of
the site's internal protocol is used. The page was described by five independent public clients in autumn 2026.
"""

import asyncio
import re
import secrets
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from render_worker.browser.browser import BrowserError, Page, Request, Response
from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.perchance.errors import PerchanceChanged, VerificationRequired
from render_worker.engines.perchance.replies import error_of_page, is_number, read_posted
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.perchance.site_page import SitePage, guidance_of, swallow, text_of
from render_worker.engines.perchance.sizes import SIZES
from render_worker.errors import PhaseTimeout, UnexpectedReply
from render_worker.outbound.download import PictureService, download

VISIT_LIMIT_SECONDS = 15  # the limit that public clients give the first visit, which may fail
VISIT_MILLISECONDS = 600
DEFAULT_GUIDANCE = 7.0  # the page's own, which is not sent
HTTP_ERRORS = 400


class PageRoute(SitePage):
    """A page with our parent document in it."""

    let_go_script = "ended()"

    def __init__(self, page: Page, settings: PerchanceSettings, parent_url: str, *, visited: bool) -> None:
        """Work on an empty page, of a visitor who has `visited` the site before or has not."""
        super().__init__(page, settings)
        self._parent_url = parent_url
        self._parent_is_open = False
        self._visited = visited
        self._request_id = ""
        self._documents: asyncio.Queue[Response | None] = asyncio.Queue()
        page.on("response", self._frame_responded)
        page.on("requestfailed", self._frame_failed)

    async def make(self, recipe: Recipe) -> GeneratedImage:
        """Make one picture."""
        self.report("starting", "Opening the site's page.")
        if not self._parent_is_open:
            await self._open_parent()
        if not self._visited:
            await self._visit()
        result = read_posted(await self._request_picture(recipe))
        self.report("downloading")
        data = await self._download(str(result["url"]))
        # If a result lacks these numbers, the requested ones are reported.
        seed = _number(result.get("seed"), recipe.seed)
        return GeneratedImage(data, int(seed), _number(result.get("guidanceScale"), guidance_of(recipe)))

    async def _download(self, url: str) -> bytes:
        settings = self.settings
        source = PictureService("Perchance", settings.perchance_upload_origins)
        try:
            return await download(url, source, settings.perchance_download_seconds, settings.perchance_poll_seconds)
        except UnexpectedReply as error:
            raise PerchanceChanged(str(error)) from error

    async def _open_parent(self) -> None:
        opening = self.page.goto(self._parent_url, timeout=0)
        await self.within("opening our own parent document", self.settings.perchance_page_seconds, opening)
        self._parent_is_open = True

    async def _visit(self) -> None:
        """Make the visit that precedes a visitor's first picture, as in the site's own example."""
        site = urlsplit(self.settings.perchance_page_url)
        argument = [f"{site.scheme}://{site.netloc}/", VISIT_MILLISECONDS]
        visit = self.page.evaluate("([url, stay]) => visit(url, stay)", argument)
        try:
            await self.within("visiting the site", VISIT_LIMIT_SECONDS, visit)
        except PhaseTimeout:
            self.report("starting", "The visit to the site took too long; going on without it.")
        self._visited = True

    async def _request_picture(self, recipe: Recipe) -> object:
        """Return what the site's page posts. Raises the error of a human check or error page in the frame at once."""
        settings = self.settings
        self._request_id = secrets.token_hex(8)
        url = f"{settings.perchance_page_url}?{urlencode(_query(recipe, self._request_id))}"
        argument = {"url": url, "id": self._request_id, "origin": origin_pattern(settings.perchance_page_url)}
        self._documents = asyncio.Queue()
        frame_request = asyncio.ensure_future(self.page.evaluate("argument => ask(argument)", argument))
        try:
            await self.within("opening the site's page", settings.perchance_page_seconds, self._opened(frame_request))
            self.report("generating")
            return await self.within("generating", settings.perchance_generate_seconds, self._posted(frame_request))
        finally:
            frame_request.cancel()
            frame_request.add_done_callback(swallow)

    async def _opened(self, frame_request: asyncio.Future[object]) -> None:
        """Wait until the site's page has loaded. Raises the error that any other document in its place means."""
        problem = await self._next_problem(frame_request)
        if problem:
            await self.let_go()
            raise problem

    async def _posted(self, frame_request: asyncio.Future[object]) -> object:
        """Return the page's message. Raises VerificationRequired if a human check comes in a frame within the page."""
        while not frame_request.done():
            problem = await self._next_problem(frame_request)
            if isinstance(problem, VerificationRequired):  # any other failure there may be an advertisement's
                await self.let_go()
                raise problem
        return frame_request.result()

    async def _next_problem(self, frame_request: asyncio.Future[object]) -> Exception | None:
        """Return the error of the next document in a frame; None if it has none, or once `frame_request` is done."""
        next_document = asyncio.ensure_future(self._documents.get())
        either: set[asyncio.Future[Any]] = {next_document, frame_request}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            next_document.cancel()
        if not next_document.done() or next_document.cancelled():
            return None
        response = next_document.result()
        if response is None:
            return await self.unreachable()
        if response.status >= HTTP_ERRORS:
            return error_of_page(response.status, response.headers, await text_of(response))
        return None

    def _frame_responded(self, response: Response) -> None:
        place = self._place_of(response.request)
        if place == "frame" or (place == "within" and response.status >= HTTP_ERRORS):
            self._documents.put_nowait(response)

    def _frame_failed(self, request: Request) -> None:
        if self._place_of(request) == "frame":
            self._documents.put_nowait(None)

    def _place_of(self, request: Request) -> Literal["frame", "within"] | None:
        """Return where a document loads: in this picture's frame, or within it; None if anywhere else."""
        try:
            frame = request.frame
            if not request.is_navigation_request() or frame.parent_frame is None:
                return None
            if frame.parent_frame != self.page.main_frame:
                return "within"
        except BrowserError:
            return None  # the frame is gone, and with it the picture that it was for
        while request.redirected_from:
            request = request.redirected_from
        return "frame" if f"id={self._request_id}" in request.url else None


def _query(recipe: Recipe, request_id: str) -> dict[str, str]:
    """Return the page's query parameters, without those that have the page's default."""
    width, height = SIZES.plan(recipe).made
    query = {"prompt": recipe.prompt, "format": "json", "id": request_id, "resolution": f"{width}x{height}"}
    if recipe.negative_prompt:
        query["negativePrompt"] = recipe.negative_prompt
    if recipe.guidance_scale != DEFAULT_GUIDANCE:
        query["guidanceScale"] = f"{guidance_of(recipe):g}"
    if recipe.seed >= 0:
        query["seed"] = str(recipe.seed)
    return query


def _number(found: object, otherwise: float) -> float:
    return found if is_number(found) else otherwise


def origin_pattern(page_url: str) -> str:
    """Return a regular expression of the origins whose messages count: the page's own and its subdomains."""
    site = urlsplit(page_url.lower())
    subdomains = r"([a-z0-9-]+\.)*" if site.scheme == "https" else ""
    return f"^{site.scheme}://{subdomains}{re.escape(site.netloc)}$"
