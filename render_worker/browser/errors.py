"""Errors of the browser. They import nothing of it, so that what handles them loads without Playwright."""


class BrowserGone(Exception):
    """Raised if the browser, a page or Playwright's driver died or did not start; the message says which."""
