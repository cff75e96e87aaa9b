"""Chromium's own sandbox: used if this host allows it, which the first launch of a process shows.

It needs user namespaces, which many containers forbid, and does not work as root.
"""

import logging
import re
from typing import Literal

SandboxMode = Literal["auto", "on", "off"]

# Chromium's words on its standard error, which Playwright passes on. Any other fatal error of those parts is the
# sandbox's failure too; a mere error of theirs ("InitializeSandbox() called with …") is not.
UNUSABLE = {
    re.compile(r"Running as root without --no-sandbox"): "Chromium has none for root",
    re.compile(r"No usable sandbox|Failed to move to new namespace"): "this host grants no user namespaces",
    re.compile(r"SUID sandbox helper"): "Chromium's setuid helper is not set up",
    re.compile(r"FATAL:\S*(sandbox|zygote|credentials|namespace)", re.IGNORECASE): "it cannot be set up on this host",
}
HUNG = "The first page hangs"  # our own words, if a page does not open
CRASHES = {re.compile(r"(Target|Page) crashed"): "pages crash in it", re.compile(HUNG): "pages hang in it"}
# A transient shortage of memory or processes, which fails other launches too.
PASSING = re.compile(r"Cannot allocate memory|Resource temporarily unavailable|\(1[12]\)|errno = 1[12]\b")

log = logging.getLogger(__name__)


class SandboxRequired(Exception):
    """Raised if the sandbox does not work and BROWSER_SANDBOX=on requires it."""


def unusable_reason(error: str) -> str | None:
    """Return why the sandbox does not work, by the error of a launch in it; None if it failed for another reason."""
    if PASSING.search(error):
        return None
    return next((reason for words, reason in UNUSABLE.items() if words.search(error)), None)


class ChromiumSandbox:
    """Whether launches use the sandbox; the first launch's finding is remembered, so that no other pays for it."""

    def __init__(self, mode: SandboxMode = "auto") -> None:
        self._required = mode == "on"
        self.missing: str | None = "BROWSER_SANDBOX=off" if mode == "off" else None
        self.proven = False
        self._crashes = 0

    @property
    def enabled(self) -> bool:
        """Return whether the next launch uses it."""
        return self.missing is None

    def disable_after(self, error: str) -> bool:
        """Disable the sandbox if a sandboxed launch's error means that it does not work here; return whether it was.

        Raises SandboxRequired if it should be disabled and BROWSER_SANDBOX=on. Once it has worked it is never disabled:
        else an attacker that breaks a browser would choose how the next one runs.
        """
        reason = None if self.proven else unusable_reason(error) or self._crash(error)
        if reason is None:
            return False
        if self._required:
            raise SandboxRequired(f"BROWSER_SANDBOX=on, but {reason}")
        self.missing = reason
        log.warning("the browser runs without Chromium's sandbox: %s", reason)
        return True

    def _crash(self, error: str) -> str | None:
        """Return the reason if a page crashed or hung for the second time; the first may have lacked memory."""
        reason = next((reason for words, reason in CRASHES.items() if words.search(error)), None)
        self._crashes += reason is not None
        return reason if self._crashes > 1 else None

    def prove(self) -> None:
        """Record that pages open in it."""
        self.proven = True
        log.info("the browser runs in Chromium's sandbox")

    def health(self) -> dict[str, bool | str]:
        """Return its state as details of an engine's health; empty before the first launch."""
        if self.missing:
            return {"browser_sandbox": False, "browser_sandbox_missing": self.missing}
        return {"browser_sandbox": True} if self.proven else {}
