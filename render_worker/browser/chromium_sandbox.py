"""Chromium's own sandbox: used if this host allows it, which the first launch of a process finds out.

It needs user namespaces, which many containers forbid, and refuses to work as root.
"""

import logging
import re
from typing import Literal

SandboxMode = Literal["auto", "on", "off"]

# Chromium's words on its standard error, which Playwright hands on. Whatever else is fatal in those parts of it is
# the sandbox's failure too; what is merely an error there ("InitializeSandbox() called with …") is not.
REFUSALS = {
    re.compile(r"Running as root without --no-sandbox"): "Chromium has none for root",
    re.compile(r"No usable sandbox|Failed to move to new namespace"): "this host grants no user namespaces",
    re.compile(r"SUID sandbox helper"): "Chromium's setuid helper is not set up",
    re.compile(r"FATAL:\S*(sandbox|zygote|credentials|namespace)", re.IGNORECASE): "it cannot be set up on this host",
}
HUNG = "The first page hangs"  # our own words, of a page that does not open
CRASHES = {re.compile(r"(Target|Page) crashed"): "pages crash in it", re.compile(HUNG): "pages hang in it"}
# A want of memory or processes, which passes: it fails other launches too.
PASSING = re.compile(r"Cannot allocate memory|Resource temporarily unavailable|\(1[12]\)|errno = 1[12]\b")

log = logging.getLogger(__name__)


class SandboxRequired(Exception):
    """Raised if the sandbox does not work and must not be done without."""


def refusal(error: str) -> str | None:
    """Return why the sandbox does not work, by the error of a launch in it; None if it failed for another reason."""
    if PASSING.search(error):
        return None
    return next((reason for words, reason in REFUSALS.items() if words.search(error)), None)


class ChromiumSandbox:
    """Whether launches use the sandbox; what the first one found is remembered, so that no other pays for it."""

    def __init__(self, mode: SandboxMode = "auto") -> None:
        self._required = mode == "on"
        self.missing: str | None = "BROWSER_SANDBOX=off" if mode == "off" else None
        self.proven = False
        self._crashes = 0

    @property
    def wanted(self) -> bool:
        """Whether the next launch uses it."""
        return self.missing is None

    def does_without(self, error: str) -> bool:
        """Return whether launches do without it from now on, after one in it failed so.

        Raises SandboxRequired if they should and BROWSER_SANDBOX=on. A host on which it has worked is not taken for one
        that forbids it: who breaks a browser would choose how the next one runs.
        """
        reason = None if self.proven else refusal(error) or self._crash(error)
        if reason is None:
            return False
        if self._required:
            raise SandboxRequired(f"BROWSER_SANDBOX=on, but {reason}")
        self.missing = reason
        log.warning("the browser runs without Chromium's sandbox: %s", reason)
        return True

    def _crash(self, error: str) -> str | None:
        """Return the reason of a page that crashed or hangs, if one did before; the first may have wanted memory."""
        reason = next((reason for words, reason in CRASHES.items() if words.search(error)), None)
        self._crashes += reason is not None
        return reason if self._crashes > 1 else None

    def prove(self) -> None:
        """Remember that pages open in it."""
        self.proven = True
        log.info("the browser runs in Chromium's sandbox")

    def health(self) -> dict[str, bool | str]:
        """Return what is known of it; nothing before the first launch."""
        if self.missing:
            return {"browser_sandbox": False, "browser_sandbox_missing": self.missing}
        return {"browser_sandbox": True} if self.proven else {}
