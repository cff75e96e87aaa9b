"""Perchance's image generator through a real browser, by its page for outside apps or by its internal protocol."""

import asyncio
import re
from typing import TYPE_CHECKING, Literal

from render_worker.browser.errors import BrowserGone
from render_worker.browser.launch_time import TYPICAL_SECONDS
from render_worker.contract import EngineHealth, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import TEXT_PARAMETERS, Capabilities
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.perchance.sizes import SIZES
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, InvalidParameter, ServiceBlocked

if TYPE_CHECKING:
    from render_worker.engines.perchance.pool import SessionPool

INLINE_SETTING = re.compile(r"\((seed|resolution|guidanceScale|negativePrompt):::")  # the site obeys them in a prompt
ATTEMPTS = 2  # a browser that dies twice for one request probably dies of that request


class PerchanceEngine(Engine):
    """Pictures of perchance.org, by a pool of PERCHANCE_SESSIONS sessions."""

    name = "perchance"
    description = "Perchance's free AI image generator, through a browser."
    needs = "nothing; the site may refuse the server's address"
    capabilities = Capabilities.of(TEXT_PARAMETERS, SIZES)
    dollars = 0.0
    typical_seconds = 20  # "10-30 s" by the site's own account

    def __init__(self, settings: PerchanceSettings) -> None:
        self._settings = settings
        self._pool: SessionPool | None = None
        self._import_failure: str | None = None
        self.slots = Slots(settings.perchance_sessions)

    async def start(self) -> None:
        await (await self._loaded()).start()

    async def stop(self) -> None:
        if self._pool:
            await self._pool.stop()

    async def _loaded(self) -> "SessionPool":
        """Return the pool, imported in a thread on first use: Playwright is a fifth of what the worker imports.

        Raises EngineError if it cannot be imported, which `health` says from then on.
        """
        if self._pool is None:
            try:
                pool = await asyncio.to_thread(_import_pool)
            except ImportError as error:
                self._import_failure = f"Playwright or what it needs cannot be imported: {error}"
                raise EngineError(self._import_failure) from error
            self._pool = self._pool or pool(self._settings)
        return self._pool

    def seconds_to_start(self) -> float:
        if self._pool:
            return self._pool.browser.launch_time.remaining
        return 0.0 if self._import_failure else TYPICAL_SECONDS

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
            if INLINE_SETTING.search(text):
                raise InvalidParameter(f"{name} must not hold Perchance's inline settings such as (seed:::1).")
        try:
            return await self._generate_with_retry(recipe, report)
        except ServiceBlocked as blocked:
            if blocked.retry_after is None:
                blocked.retry_after = self._settings.perchance_rest_seconds
            raise

    async def _generate_with_retry(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        for attempt in range(1, ATTEMPTS + 1):
            report("starting", "Preparing a visit to the site." if attempt == 1 else "Opening another page.")
            try:
                async with (await self._loaded()).session() as session:
                    return await session.make(recipe, report)
            except BrowserGone as gone:
                reason = str(gone)
                last = attempt == ATTEMPTS
                report.setback(
                    f"attempt {attempt} of {ATTEMPTS}: {reason} {'Given up.' if last else 'Trying once more.'}"
                )
                report("starting", "The browser failed; another one takes its place.")
        raise EngineError(reason)

    def health(self) -> EngineHealth:
        if self._pool is None:
            return EngineHealth(state="down" if self._import_failure else "starting", reason=self._import_failure)
        browser = self._pool.browser
        if browser.failure:
            return EngineHealth(state="down", reason=f"The browser could not be started: {browser.failure}")
        details: dict[str, int | str | bool] = {
            "browser_running": browser.running,
            "browser_launches": browser.launches,
            **browser.sandbox.health(),
            **self._pool.routes.health(),
        }
        state: Literal["starting", "ready"] = "ready" if browser.launches else "starting"
        return EngineHealth(state=state, details=details, sessions=self._pool.health())


def _import_pool() -> "type[SessionPool]":
    from render_worker.engines.perchance.pool import SessionPool

    return SessionPool
