"""`python -m tests.page.screenshots FOLDER`: the page in its states, as pictures that a person looks at.

Two of them go to docs/, where documents show them. Their seeds are fixed, so that they change with the page alone.
"""

import io
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.conftest import Stack
from tests.fakes.playwright_browser import chromium
from tests.page.looks import DARK, DESKTOP, LIGHT, PHONE
from tests.page.person import make, make_button, pictures, prompt_field
from tests.page.servers import serving

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
IN_DOCS = {"filled-desktop-light": "page.png", "sheet-phone-dark": "page-phone.png"}
COLORS = 256  # a palette makes a third of the file, and the eye sees no difference
LIGHTHOUSE, FOX, HARBOR = "a lighthouse at dusk", "a fox in the snow, woodcut", "an old harbor, watercolor"


def empty(page: Page, stack: Stack) -> None:
    """Show the page as a newcomer meets it."""


def filled(page: Page, stack: Stack) -> None:
    """Show two pictures."""
    _sketched(page, LIGHTHOUSE)
    _sketched(page, FOX, 8)
    prompt_field(page).fill(HARBOR)


def generating(page: Page, stack: Stack) -> None:
    """Show a picture that comes about, with a preview and one in line."""
    _sketched(page, LIGHTHOUSE)
    stack.play(delay=6)
    page.get_by_role("combobox", name="Model").select_option("automatic1111")
    prompt_field(page).fill(FOX)
    make_button(page).click()
    prompt_field(page).fill(HARBOR)
    make_button(page).click()
    page.wait_for_timeout(4000)


def failed(page: Page, stack: Stack) -> None:
    """Show a failure."""
    _sketched(page, LIGHTHOUSE)
    stack.play(automatic1111="crash")
    page.get_by_role("combobox", name="Model").select_option("automatic1111")
    prompt_field(page).fill(FOX)
    make_button(page).click()
    expect(page.get_by_role("article", name=re.compile("^Not made"))).to_be_visible()


def sheet(page: Page, stack: Stack) -> None:
    """Show a sheet of nine."""
    page.get_by_role("combobox", name="Model").select_option("sketch")
    prompt_field(page).fill(LIGHTHOUSE)
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_role("radio", name="A sheet of nine").check(force=True)
    make_button(page).click()
    expect(pictures(page).first.get_by_role("button", name=re.compile("^Seed "))).to_have_count(9, timeout=60_000)
    expect(page.get_by_role("progressbar")).to_have_count(0)


STATES: tuple[Callable[[Page, Stack], None], ...] = (empty, filled, generating, failed, sheet)
SIZES = {"desktop": DESKTOP, "phone": PHONE}
COLOR_SCHEMES = {"light": LIGHT, "dark": DARK}


def _sketched(page: Page, prompt: str, seed: int = 7) -> None:
    page.get_by_role("combobox", name="Model").select_option("sketch")
    page.get_by_label("Seed", exact=True).fill(str(seed))
    make(page, prompt)


def take(browser: Browser, stack: Stack, state: Callable[[Page, Stack], None], **look: Any) -> bytes:
    """Return a PNG of the page in a state."""
    stack.play()
    context = browser.new_context(**look)
    page = context.new_page()
    page.goto(f"{stack.api.url}/", wait_until="networkidle")
    state(page, stack)
    page.wait_for_timeout(600)  # until what fades in is there
    shot = io.BytesIO()
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(
        shot, "PNG", optimize=True
    )
    context.close()
    return shot.getvalue()


def main(folder: str) -> None:
    """Take a picture of each state at each look; two of them are the documents'."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as images, serving(Path(images)) as stack, chromium() as browser:
        for state in STATES:
            for size, of_size in SIZES.items():
                for scheme, of_scheme in COLOR_SCHEMES.items():
                    shot = take(browser, stack, state, **of_size, **of_scheme)
                    name = f"{state.__name__}-{size}-{scheme}"
                    Path(folder, f"{name}.png").write_bytes(shot)
                    if name in IN_DOCS:
                        (DOCS / IN_DOCS[name]).write_bytes(shot)


if __name__ == "__main__":
    main(*sys.argv[1:])
