"""`python -m render_worker.browser` tries, for an image's build, whether a browser starts here.

It fails if the browser or a library is missing, which is missing wherever the image runs. For any other reason it
warns: many builders forbid what Chromium needs, such as user namespaces or some system calls, and hosts grant it.
"""

import asyncio
import contextlib
import re
import sys
import tempfile

from render_worker.browser.browser import NOT_INSTALLED, Browser
from render_worker.browser.errors import BrowserGone
from render_worker.browser.settings import BrowserSettings
from render_worker.serving.process_hardening import become_undumpable

# The dynamic loader's words, and Playwright's if a browser or its packages were never installed.
MISSING = re.compile(
    rf"error while loading shared libraries: .*|{NOT_INSTALLED}.*|Host system is missing dependencies", re.IGNORECASE
)
SAID = re.compile(r"^\[pid=\d+\]\[err\] (.*)", re.MULTILINE)  # the browser's lines within Playwright's error
WARNING = """
*** WARNING: no browser started during this build, and the image is built nevertheless. ***
{reason}
{said}
Perhaps only this builder forbids it. Where the image runs, the worker's log at start and /health
(engines.perchance: state, reason) say whether its browser starts; engines without a browser work.
"""


def main() -> int:
    """Try it, say what failed, and return the exit status."""
    with tempfile.TemporaryFile("w+") as log, contextlib.redirect_stderr(log):  # Playwright's driver writes there too
        failure = asyncio.run(_failure())
        log.seek(0)
        logged = log.read()
    sys.stderr.write(logged)
    if failure is None:
        return 0
    cause = str(failure.__cause__)
    if missing := MISSING.search(cause + logged):
        sys.stderr.write(f"{failure} {missing[0]}\n")
        return 1
    sys.stderr.write(WARNING.format(reason=failure, said="\n".join(SAID.findall(cause)[:10])))
    return 0


async def _failure() -> BrowserGone | None:
    """Return why no browser starts; returns None if one does."""
    settings = BrowserSettings()
    browser = Browser(settings.chromium_path, settings.browser_sandbox)
    try:
        await browser.start()
    except BrowserGone as gone:
        return gone
    await browser.stop()
    return None


if __name__ == "__main__":
    become_undumpable()
    sys.exit(main())
