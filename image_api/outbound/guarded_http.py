"""Sessions of the library requests whose servers cannot hold them for ever, nor fill this process's memory."""

from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter

from image_api.outbound.guarded_connections import GuardedHTTPSPool, GuardedPool


class GuardedAdapter(HTTPAdapter):
    """The adapter of requests, with guarded connections."""

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = {"http": GuardedPool, "https": GuardedHTTPSPool}


class GuardedSession(requests.Session):
    """A session that reads no body unasked, keeps no cookies, and takes nothing from its environment."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept-Encoding"] = "identity"  # so that a body can be counted as it comes
        self.trust_env = False  # neither a proxy nor a .netrc of the environment's has any business here
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None, so that no redirect is followed; to prepare one, requests would read its whole body."""
        return None
