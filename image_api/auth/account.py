"""Accounts, and their scopes: what the holder of a credential may do."""

from dataclasses import dataclass
from typing import Literal, Protocol

from image_api.limits.allowance import Allowance

Scope = Literal["generate", "jobs", "admin"]
GENERATE: Scope = "generate"
"""To have pictures generated."""
JOBS: Scope = "jobs"
"""To submit, read and cancel jobs of one's own."""
ADMIN: Scope = "admin"
"""To load models and LoRAs, to delete pictures, to see the details of health, and to read and cancel any job."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the client that sends a request."""

    id: str
    """Unique among the accounts of all kinds, and kept if the account is renamed: `huggingface:<id>`."""
    name: str
    scopes: frozenset[Scope]
    allowance: Allowance | None = None
    """That of a key; None if the limits of clients without a key apply to it."""
    expires_at: float | None = None
    """When its key ends, in seconds since the epoch; None if it does not, or that is not known."""


OPERATOR = Account("operator", "operator", frozenset({GENERATE, JOBS, ADMIN}))
"""The account of the holder of WORKER_TOKEN."""
SIGNED_LINK = Account("link", "signed link", frozenset({GENERATE}))
"""The account of a request by a signed link: it is for that request alone, and the limits are those of its client."""


class Authenticator(Protocol):
    """Finds the account of a credential."""

    wanted: str
    """What a client is to send, as a sentence goes on after "send"."""

    def account_of(self, credential: str, client: str | None) -> Account:
        """Return the account of a credential that was sent by a client, whose id may be unknown.

        Raises InvalidCredential if the credential is invalid, Forbidden if it grants too little, TooManyAttempts if the
        client has sent too many of these, and AuthUnavailable if that cannot be found out now.
        """
        ...
