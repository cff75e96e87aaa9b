"""The route by the `perchance` package, on a page that is reused in place of a new one for each picture.

The package opens a page, navigates it to verifyUser, reads the key out of it and calls `fetch` there; then it does
the same again for the download. Here page and key are reused, so that only the two fetches remain, and each reply is
read and checked before the package sees it: the package 0.1.0 looks only for the keys that it needs, loses the reply's
status, and knows neither single-use links nor pictures within the reply.
"""

import asyncio
import base64
import contextlib
import math
import random
from typing import Any, Self

import perchance

from render_worker.browser.browser import Page, Response
from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.perchance.errors import GenerationFailed, PerchanceChanged, SiteBusy, StaleRequest
from render_worker.engines.perchance.fetches import fetch_bytes, fetch_text
from render_worker.engines.perchance.replies import (
    Announced,
    KeyRefused,
    PreviousUnfinished,
    is_previous_running,
    read_generated,
    read_user_key,
)
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.perchance.site_page import MAX_TEXT_BYTES, SitePage, guidance_of, text_of
from render_worker.engines.perchance.sizes import SHAPES, SIZES
from render_worker.errors import BadPicture, EngineError, EngineUnreachable, PhaseTimeout, ServiceBlocked
from render_worker.imaging import is_picture
from render_worker.outbound.download import picture_missing
from render_worker.outbound.exchange import picture_in_base64
from render_worker.serving.deadline import Deadline

HTTP_OK, NOT_FOUND = 200, 404
GONE = (403, 404, 410)
PACKAGE_KEYS = (  # it takes them out of the reply, and this route needs none but the id there
    *("imageId", "fileExtension", "seed", "prompt", "width", "height"),
    *("guidanceScale", "negativePrompt", "maybeNsfw"),
)
AWAIT_SECONDS = 20.0  # about a picture's time
LARGE_TEXT = 1 << 16  # it holds a picture, and takes the loop's time to read; the usual reply has a few hundred bytes
MAX_POSTS = 20  # of one picture, while the site says that it still makes another


class PackageRoute(SitePage):
    """A page with its key. It has the four methods that the package calls on a page."""

    def __init__(self, page: Page, settings: PerchanceSettings) -> None:
        super().__init__(page, settings)
        self._key: str | None = None
        self._announced: Announced | None = None
        self._tells_of_previous = True
        self._download_deadline = Deadline.after(math.inf)
        self._base_url = settings.perchance_base_url
        self._package = _Package(settings.perchance_base_url, self)

    async def make(self, recipe: Recipe) -> GeneratedImage:
        """Make one picture."""
        result, announced = await self._request_picture(recipe)
        data = await self._fetch_picture(result, announced)
        seed = announced.seed if announced.seed is not None else recipe.seed
        guidance = announced.guidance_scale if announced.guidance_scale is not None else guidance_of(recipe)
        return GeneratedImage(data, seed if seed >= 0 else None, guidance, announced.nsfw)

    async def _request_picture(self, recipe: Recipe) -> tuple[perchance.ImageResult, Announced]:
        retried: set[type[Exception]] = set()
        refusals, deadline = 0, Deadline.after(math.inf)
        self._tells_of_previous = True
        while True:
            try:
                if refusals:
                    await self._await_previous(deadline, again=refusals > 1)
                return await self._post(recipe)
            except PreviousUnfinished as error:
                refusals += 1
                if refusals == 1:
                    deadline = Deadline.after(self.settings.perchance_generate_seconds)
                if refusals == MAX_POSTS or deadline.expired:
                    raise SiteBusy(f"{error} This one was not begun.") from None
            except (KeyRefused, StaleRequest, GenerationFailed) as error:
                if type(error) in retried:
                    raise _after_retry(error) from None
                retried.add(type(error))
                refusals = 0
                if isinstance(error, KeyRefused):
                    self._key = None

    async def _post(self, recipe: Recipe) -> tuple[perchance.ImageResult, Announced]:
        self._announced = None
        result = await self._package.image(
            recipe.prompt,
            negative_prompt=recipe.negative_prompt,
            seed=recipe.seed,
            shape=SHAPES[SIZES.plan(recipe).made],
            guidance_scale=guidance_of(recipe),
        )
        if self._announced is None:
            raise PerchanceChanged("The perchance package made a picture without asking for one.")
        return result, self._announced

    async def _await_previous(self, deadline: Deadline, *, again: bool) -> None:
        """Wait until the site has made the key's other picture; a site that does not tell is asked for the next one."""
        self.report("generating", "Waiting for the site, which still makes another picture.")
        seconds = self.settings.perchance_poll_seconds
        if again:  # it said that the other one had ended, or it does not tell
            await asyncio.sleep(seconds)
        while running := await self._is_previous_running(deadline):
            if deadline.expired:
                return
            await asyncio.sleep(seconds)
        if running is None and not again:
            await asyncio.sleep(seconds)

    async def _is_previous_running(self, deadline: Deadline) -> bool | None:
        """Return whether the site says so; None if it has no word for it, or hangs: then it is not asked again."""
        if not self._tells_of_previous:
            return None
        cache_bust = random.random()
        url = f"{self._base_url}/awaitExistingGenerationRequest?userKey={self._key}&__cacheBust={cache_bust}"
        try:
            reply = await fetch_text(self, "waiting", min(AWAIT_SECONDS, deadline.share(2)), url)
            found = is_previous_running(reply.status, reply.headers, reply.text)
        except (PhaseTimeout, PerchanceChanged, EngineUnreachable):
            found = None
        self._tells_of_previous = found is not None
        return found

    async def _fetch_picture(self, result: perchance.ImageResult, announced: Announced) -> bytes:
        """Return the picture: from the reply itself, or by its link, or by its id; each of them once."""
        data = await asyncio.to_thread(_picture_in, announced.data_urls) if announced.data_urls else b""
        if is_picture(data) or not (announced.link or announced.image_id):
            return data
        deadline = Deadline.after(self.settings.perchance_download_seconds)
        if announced.link:
            try:
                return await self._by_link(announced.link, deadline, last=not announced.image_id)
            except EngineError as error:
                if isinstance(error, ServiceBlocked) or not announced.image_id:
                    raise
                self.report.setback(f"the picture's link failed, its id is tried: {error}")
        return await self._by_id(result, deadline)

    async def _by_link(self, link: str, deadline: Deadline, *, last: bool) -> bytes:
        """Return what the link leads to. It is asked but once: a second time it would be refused."""
        self.report("downloading")
        reply = await fetch_bytes(self, "downloading", round(deadline.share(1 if last else 2), 1), link)
        if reply.status != HTTP_OK:
            refusal = await self.unreadable()
            if reply.status in GONE and not isinstance(refusal, ServiceBlocked):
                raise BadPicture("missing", "The picture's link was used before, or has expired.") from refusal
            raise refusal
        data = await asyncio.to_thread(base64.b64decode, reply.encoded)
        if not last and not is_picture(data):
            raise BadPicture("unreadable", "The picture's link led to no picture.")
        return data

    async def _by_id(self, result: perchance.ImageResult, deadline: Deadline) -> bytes:
        self._download_deadline = deadline
        missing: BadPicture | None = None
        while True:
            try:
                data: bytes = (await result.download()).getvalue()
            except _NotThereYet:
                missing = picture_missing(self.settings.perchance_download_seconds)
            except PhaseTimeout as error:
                raise missing or error from None  # the last retry may have had hardly any time
            else:
                return data
            if deadline.remaining < self.settings.perchance_poll_seconds:
                raise missing
            await asyncio.sleep(self.settings.perchance_poll_seconds)

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
            return await self._generated(argument["url"], argument["body"])
        self.report("downloading")
        reply = await fetch_bytes(self, "downloading", round(self._download_deadline.remaining, 1), str(argument))
        if reply.status == NOT_FOUND:
            raise _NotThereYet
        if reply.status != HTTP_OK:
            raise await self.unreadable()
        return {"ok": True, "data": reply.encoded}

    async def _generated(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to `generate` as the package needs it."""
        self.report("generating")
        request = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body}
        reply = await fetch_text(self, "generating", self.settings.perchance_generate_seconds, url, **request)
        reading = (reply.status, reply.headers, reply.text, self._base_url)
        large = len(reply.text) > LARGE_TEXT
        self._announced = found = (
            await asyncio.to_thread(read_generated, *reading) if large else read_generated(*reading)
        )
        return dict.fromkeys(PACKAGE_KEYS) | {"imageId": found.image_id}


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


def _picture_in(data_urls: tuple[str, ...]) -> bytes:
    """Return the first picture of some data URLs; if there is none, what the last one holds."""
    data = b""
    for url in data_urls:
        with contextlib.suppress(BadPicture):
            data = picture_in_base64(url, "Perchance")
        if is_picture(data):
            break
    return data


def _after_retry(error: KeyRefused | StaleRequest | GenerationFailed) -> Exception:
    if isinstance(error, KeyRefused):
        return PerchanceChanged("Perchance refused two keys in a row that it had just given.")
    return error
