"""The pool's watch over the memory: when it replaces the browser, which is a fake."""

import asyncio
import contextlib

import pytest

from render_worker.browser.errors import BrowserGone
from render_worker.browser.memory import Memory
from render_worker.engines.perchance import pool as pool_module
from render_worker.engines.perchance.pool import SessionPool
from render_worker.settings import Settings

LAUNCH_SECONDS = 0.05


class PlayedBrowser:
    """A browser that launches once for concurrent starts, as the real one does."""

    def __init__(self) -> None:
        self.running, self.launches, self.kills, self.failing = False, 0, 0, 0
        self._launching: asyncio.Task[None] | None = None

    @property
    def launching(self) -> bool:
        return self._launching is not None and not self._launching.done()

    @property
    def started(self) -> bool:
        return self.running

    async def start(self) -> None:
        if not self.running:
            if not self.launching:
                self._launching = asyncio.create_task(self._launch())
            await self._launching

    async def _launch(self) -> None:
        await asyncio.sleep(LAUNCH_SECONDS)
        if self.failing:
            self.failing -= 1
            raise BrowserGone("It could not be started.")
        self.running, self.launches = True, self.launches + 1

    async def stop(self) -> None:
        self.running = False

    def kill(self) -> None:
        self.running, self.kills = False, self.kills + 1


class Scene:
    """A pool on a machine whose memory a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.share = 0.5
        self.broken = 0
        for name, seconds in {"LOOK": 0.02, "HIGH_LOOK": 0.02, "URGENT_PAUSE": 0.2}.items():
            monkeypatch.setattr(pool_module, f"{name}_SECONDS", seconds)
        monkeypatch.setattr(pool_module, "measure", self._measure)

    def _measure(self, _: object) -> Memory:
        if self.broken:
            self.broken -= 1
            raise OSError(24, "Too many open files")
        return Memory(int(self.share * 1000), 1000)

    @contextlib.asynccontextmanager
    async def playing(self):
        self.pool = SessionPool(Settings())
        self.browser = self.pool.browser = PlayedBrowser()
        await self.pool.start()
        yield
        await self.pool.stop()

    async def picture(self, seconds: float) -> int:
        """Make one, as the engine does, and return the number of attempts."""
        for attempt in (1, 2):
            async with self.pool.session():
                await self.browser.start()
                end = asyncio.get_running_loop().time() + seconds
                while self.browser.running and asyncio.get_running_loop().time() < end:
                    await asyncio.sleep(0.01)
                if self.browser.running:
                    return attempt
        raise AssertionError("killed twice")


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_a_high_memory_waits_for_the_running_picture(scene):
    async def play():
        async with scene.playing():
            picture = asyncio.create_task(scene.picture(0.3))
            await asyncio.sleep(0.05)
            scene.share = 0.8
            assert await picture == 1
            scene.share = 0.5
            await asyncio.sleep(0.2)
            assert (scene.browser.kills, scene.browser.launches) == (0, 2)

    asyncio.run(play())


def test_a_full_memory_does_not_wait_for_a_graceful_replacement(scene):
    async def play():
        async with scene.playing():
            picture = asyncio.create_task(scene.picture(0.5))
            await asyncio.sleep(0.05)
            scene.share = 0.8
            await asyncio.sleep(0.1)
            scene.share = 0.95
            await asyncio.sleep(0.04)
            assert scene.browser.kills == 1
            scene.share = 0.5
            assert await picture == 2
            await asyncio.sleep(0.2)
            assert (scene.browser.kills, scene.browser.launches) == (
                1,
                2,
            )  # the picture and the pool launched it together

    asyncio.run(play())


def test_a_full_memory_may_be_full_again_soon(scene):
    async def play():
        async with scene.playing():
            for kills in (1, 2):
                scene.share = 0.95
                await asyncio.sleep(0.04)
                assert scene.browser.kills == kills
                scene.share = 0.5
                await asyncio.sleep(0.4)

    asyncio.run(play())


def test_what_does_not_help_is_not_done_again_and_again(scene):
    async def play():
        async with scene.playing():
            scene.share = 0.95
            await asyncio.sleep(0.8)
            assert (scene.browser.kills, scene.browser.launches) == (1, 2)

    asyncio.run(play())


def test_the_watch_outlives_a_launch_and_a_look_that_fail(scene):
    async def play():
        async with scene.playing():
            scene.broken = 3
            await asyncio.sleep(0.1)
            scene.browser.failing = 1
            scene.share = 0.95
            await asyncio.sleep(0.1)
            assert (scene.browser.kills, scene.browser.launches) == (1, 1)
            scene.pool._urgent_from = 0.0
            await asyncio.sleep(0.1)
            assert (scene.browser.kills, scene.browser.launches) == (2, 2)

    asyncio.run(play())
