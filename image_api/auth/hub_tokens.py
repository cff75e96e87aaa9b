"""AUTH=huggingface: access tokens of the Hub, checked there at most once in a while each.

The Hub limits the rate of these checks.
"""

import re

from image_api.auth.account import Account
from image_api.auth.answer_cache import Lifetimes
from image_api.auth.credential_checks import CredentialChecks, Source
from image_api.auth.errors import InvalidCredential
from image_api.auth.hub_client import CHECK_SLOTS, DOWN, TOTAL_SECONDS, HubClient

TOKEN = re.compile(r"hf_[A-Za-z0-9._~+/=-]{1,4000}")  # those of OAuth are JSON Web Tokens
OTHER_TEXT = "The bearer token is not an access token of the Hugging Face Hub: those begin with hf_."
LIFETIMES = Lifetimes(account=60.0, refusal=30.0)
"""A token that was revoked is accepted for a minute still."""


class HubTokens:
    """The accounts of access tokens of the Hub. Thread-safe."""

    wanted = "an access token of the Hugging Face Hub with read access, as Authorization: Bearer hf_…"

    def __init__(self, url: str, admins: tuple[str, ...]) -> None:
        """Take the Hub's address, and the names of users that are admins here."""
        client = HubClient(url, admins)
        self.checks = CredentialChecks(Source(client.account_of, DOWN, CHECK_SLOTS, TOTAL_SECONDS), LIFETIMES)

    def account_of(self, credential: str, client: str | None) -> Account:
        """Return the account of an access token, as Authenticator has it."""
        if not TOKEN.fullmatch(credential):
            raise InvalidCredential(OTHER_TEXT)
        return self.checks.account_of(credential, client)
