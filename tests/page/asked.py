"""What a page has asked of /generate."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request


class Asked:
    """The requests of a page to /generate, from now on."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        page.on("request", self._heard)

    def _heard(self, request: Request) -> None:
        if urlsplit(request.url).path.endswith("/generate"):
            self.requests.append(request)

    @property
    def queries(self) -> list[dict[str, str]]:
        """Return the queries, without what only streams need."""
        return [query_of(request.url) for request in self.requests]


def query_of(address: str) -> dict[str, str]:
    """Return an address's query, each name with its last value, without what only streams need."""
    query = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    query.pop("previews", None)
    return query
