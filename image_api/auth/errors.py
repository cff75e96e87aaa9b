"""The errors of authentication and authorization, each with its stable code, HTTP status and sentence.

The headers are those of bearer tokens: https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from collections.abc import Mapping
from typing import ClassVar

from image_api.errors import ApiError
from render_worker.contract import ErrorBody

REALM = 'Bearer realm="image-generation-api"'
LEAKED = (
    "A credential in an address may be in logs and histories now: if it is a key, have the operator replace it by keys"
    " rotate."
)


class Unauthorized(ApiError):
    """Raised if a request has no credential, and needs one."""

    code = "unauthorized"
    status = 401
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": REALM}


class CredentialInAddress(Unauthorized):
    """Raised if a request has no credential but one in its query string."""

    hint = LEAKED


class InvalidCredential(Unauthorized):
    """Raised if a request's credential is unknown, expired or malformed."""

    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}


class Forbidden(ApiError):
    """Raised if a credential is valid, but grants less than the request needs."""

    code = "forbidden"
    status = 403
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope"'}


class InvalidLink(ApiError):
    """Raised if a signed link has expired, or was signed for another request or by an unknown key."""

    code = "invalid_link"
    status = 403
    hint: ClassVar[str | None] = "Ask its maker for a new one."


class AuthUnavailable(ApiError):
    """Raised if the service that knows the credentials does not answer, or refuses to for now."""

    code = "auth_unavailable"
    status = 503
    retry_after = 5

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self._retry_after = retry_after or self.retry_after

    def body(self) -> ErrorBody:
        return super().body().model_copy(update={"retry_after": self._retry_after})


class TooManyAttempts(ApiError):
    """Raised if a client has sent too many credentials that were refused."""

    code = "too_many_attempts"
    status = 429
    retry_after = 60

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many credentials of this client were refused; no other one is checked for now.")
        self._retry_after = retry_after

    def body(self) -> ErrorBody:
        return super().body().model_copy(update={"retry_after": self._retry_after})
