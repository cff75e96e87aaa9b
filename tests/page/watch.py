"""What goes wrong in a page without a test looking for it: errors, violations of the policy, requests elsewhere."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

LISTENER = """document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.effectiveDirective} blocked ${event.blockedURI || event.sample} at ${event.sourceFile}`))"""
INNER = ("about", "blob", "data")  # schemes of what never leaves the browser


@dataclass
class Watch:
    """The troubles of a test's pages; `expect` takes out those that the test brings about."""

    origin: str
    """The service's own; its pages load nothing from any other."""
    _troubles: list[str] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)
    _origins: set[str] = field(default_factory=set)

    def expect(self, pattern: str) -> None:
        """Expect the troubles that a regular expression finds, before or after this."""
        self._expected.append(pattern)

    def allow(self, origin: str) -> None:
        """Let pages load from another origin too, such as a storage that has the pictures."""
        self._origins.add(origin)

    @property
    def troubles(self) -> list[str]:
        """Return the troubles that no test expects."""
        return [it for it in self._troubles if not any(re.search(pattern, it) for pattern in self._expected)]

    def saw(self, pattern: str) -> bool:
        """Return whether there was such a trouble, expected or not."""
        return any(re.search(pattern, it) for it in self._troubles)

    def follow(self, context: BrowserContext) -> None:
        """Listen to all pages of a context, before it has any."""
        context.expose_function("reportViolation", lambda what: self._troubles.append(f"policy: {what}"))
        context.add_init_script(LISTENER)
        context.on("console", self._heard)
        context.on("weberror", self._thrown)
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._troubles.append(f"console {message.type}: {message.text} at {message.location.get('url', '')}")

    def _thrown(self, error: WebError) -> None:
        self._troubles.append(f"page error: {error.error.message}\n{error.error.stack}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in INNER and f"{parts.scheme}://{parts.netloc}" not in {self.origin, *self._origins}:
            self._troubles.append(f"foreign request: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and "/static/" in response.url:
            self._troubles.append(f"static file: {response.status} {response.url}")
