"""`python -m bench.bare_browser CHROMIUM`: what Playwright takes by itself to open a document, without a server.

It prints a line when the document is there. It is the lower bound of a first picture by an engine with a browser.
"""

import asyncio
import os
import sys

from playwright.async_api import async_playwright

DOCUMENT = "data:text/html,<title>-</title><script>document.title = 'here'</script>"


async def main(executable: str) -> None:
    """Start the driver and a browser, open a document, and end without closing them."""
    playwright = await async_playwright().start()
    browser = await playwright.chromium.launch(executable_path=executable)
    page = await browser.new_page()
    await page.goto(DOCUMENT)
    print(await page.title(), flush=True)
    os._exit(0)  # the control group's end kills the rest


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
