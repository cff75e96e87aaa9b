"""axe-core in a page, which brings it along by no file: the page's policy lets none in."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": TAGS, "rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations", "incomplete"]}
RUN = "(options) => axe.run(document, options)"


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong, and what it cannot decide: one line each, with the first elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(RUN, OPTIONS)
    return [
        f"{kind}: {rule['id']} ({rule['help']}) at {[node['target'] for node in rule['nodes'][:4]]}:"
        f" {rule['nodes'][0]['failureSummary']}"
        for kind in ("violations", "incomplete")
        for rule in found[kind]
    ]
