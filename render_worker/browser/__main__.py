"""`python -m render_worker.browser` checks, for an image's build, that a browser starts here."""

import asyncio
import sys

from render_worker.browser.browser import Browser, BrowserGone
from render_worker.serving.process_hardening import become_undumpable


async def _check() -> None:
    browser = Browser()
    await browser.start()
    await browser.stop()


if __name__ == "__main__":
    become_undumpable()
    try:
        asyncio.run(_check())
    except BrowserGone as gone:
        sys.exit(str(gone))
