"""The Hub's answer about an access token: GET /api/whoami-v2, as huggingface_hub's `whoami` asks it."""

import logging
from typing import Annotated

import requests
import urllib3
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from image_api.auth.account import ADMIN, GENERATE, JOBS, Account
from image_api.auth.errors import AuthUnavailable, Forbidden, InvalidCredential
from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks, retry_after
from image_api.outbound.guarded_http import GuardedAdapter, GuardedSession
from image_api.outbound.time_limit import time_limit
from render_worker.contract import VERSION
from render_worker.serving.deadline import Deadline

PATH = "/api/whoami-v2"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
TOTAL_SECONDS = 10.0
MAX_BYTES = 1024 * 1024  # it lists the organizations of the account, with their pictures
MAX_RETRY_AFTER = 300
CHECK_SLOTS = 32  # checks at a time, so that a Hub that hangs holds no more connections
HEADERS = {"User-Agent": f"image-generation-api/{VERSION}", "Accept": "application/json"}
READING_ROLES = frozenset({"read", "contributor", "write", "admin"})
FINE_GRAINED = "fineGrained"
READS_REPOSITORIES = "repo.content.read"
USER = "user"

UNKNOWN = "The Hugging Face Hub does not know this access token: it is wrong, expired or revoked."
REFUSED = "The Hugging Face Hub refuses this access token."
NOT_A_ROLE = (
    "This access token is not one of the Hugging Face Hub whose read access can be told: create one of the type read."
)
NARROW = (
    "This fine-grained access token has no read access to the contents of its owner's own repositories"
    f" ({READS_REPOSITORIES}): grant it that, or create one of the type read."
)
BUSY = "The Hugging Face Hub, which checks access tokens, allows no more checks for the moment."
DOWN = "The Hugging Face Hub, which checks access tokens, does not answer as it should."

log = logging.getLogger(__name__)


class _Part(BaseModel):
    """A part of the Hub's answer, in which a null is what is left out."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        return {name: it for name, it in value.items() if it is not None} if isinstance(value, dict) else value


class _Entity(_Part):
    type: str = ""
    name: str = ""


class _Grant(_Part):
    entity: _Entity = _Entity()
    permissions: list[str] = []


def _known_grant(value: object) -> _Grant:
    """Return a grant; one that grants nothing if its form is unknown, for that may be of something else."""
    try:
        return _Grant.model_validate(value)
    except ValidationError:
        return _Grant()


class _FineGrained(_Part):
    scoped: list[Annotated[_Grant, BeforeValidator(_known_grant)]] = []


class _AccessToken(_Part):
    role: str = ""
    fine_grained: _FineGrained = Field(_FineGrained(), alias=FINE_GRAINED)


class _Auth(_Part):
    access_token: _AccessToken | None = Field(None, alias="accessToken")
    """None of an OAuth token."""


class Whoami(_Part):
    """What the Hub answers, as far as it counts here."""

    type: str
    id: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    auth: _Auth = _Auth()

    def require_read_access(self) -> None:
        """Raise Forbidden unless the token is known to have read access; what is unknown proves nothing."""
        token = self.auth.access_token
        if token and token.role == FINE_GRAINED:
            if not any(
                self._is_own(it.entity) and READS_REPOSITORIES in it.permissions for it in token.fine_grained.scoped
            ):
                raise Forbidden(NARROW)
        elif not token or token.role not in READING_ROLES:
            raise Forbidden(NOT_A_ROLE)

    def _is_own(self, entity: _Entity) -> bool:
        return (entity.type, entity.name) == (self.type, self.name)


class _Bearer(requests.auth.AuthBase):
    """The credential of a request; in `headers` alone, one of the session's or of the address would replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


class HubClient:
    """Asks the Hub for the accounts of access tokens. Thread-safe."""

    def __init__(self, url: str, admins: tuple[str, ...]) -> None:
        """Take the Hub's address, and the names of users that are admins here."""
        self._url = url + PATH
        self._admins = frozenset(name.lower() for name in admins)  # the Hub tells no names apart by case
        self._session = GuardedSession()
        adapter = GuardedAdapter(pool_connections=1, pool_maxsize=CHECK_SLOTS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def account_of(self, token: str) -> Account:
        """Return the account of a token, which has to be fit for a header.

        Raises InvalidCredential, Forbidden and AuthUnavailable as Authenticator has it.
        """
        try:
            with time_limit(TOTAL_SECONDS), self._sent(token) as reply:
                return self._account(reply)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, BodyTooLarge, BodyTooLate) as error:
            log.warning("the Hub did not answer a check of a token: %s", type(error).__name__)
            raise AuthUnavailable(DOWN) from None  # whose text may have what was sent

    def _sent(self, token: str) -> requests.Response:
        return self._session.get(
            self._url,
            headers=HEADERS,
            auth=_Bearer(token),
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            stream=True,
            allow_redirects=False,
        )

    def _account(self, reply: requests.Response) -> Account:
        if reply.status_code == requests.codes.unauthorized:
            raise InvalidCredential(UNKNOWN)
        if reply.status_code == requests.codes.forbidden:
            raise Forbidden(REFUSED)
        if reply.status_code == requests.codes.too_many_requests:
            raise AuthUnavailable(BUSY, retry_after(reply, MAX_RETRY_AFTER))
        if reply.status_code != requests.codes.ok:
            log.warning("the Hub answered a check of a token by HTTP %s", reply.status_code)
            raise AuthUnavailable(DOWN)
        found = _parsed(b"".join(chunks(reply, MAX_BYTES, Deadline.after(ANSWER_SECONDS))))
        found.require_read_access()
        is_admin = found.type == USER and found.name.lower() in self._admins
        return Account(
            f"huggingface:{found.id}", found.name, frozenset({GENERATE, JOBS, *([ADMIN] if is_admin else [])})
        )


def _parsed(body: bytes) -> Whoami:
    try:
        return Whoami.model_validate_json(body)
    except ValidationError:
        log.warning("the Hub answered a check of a token by something else than an account")
        raise AuthUnavailable(DOWN) from None  # whose text has parts of the body
