"""The settings of authentication: the part of this tier's settings that decides who may use it."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from image_api.addresses import is_address
from image_api.key_entries import KeyEntry, entries_of
from render_worker.serving.environment import EnvironmentSettings, secrets_in, split_at_commas

MIN_SIGNING_KEY = 32  # characters: fewer hexadecimal ones than 128 bits can be guessed
ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class AuthSettings(EnvironmentSettings):
    """What decides which clients may generate pictures, and which of them are admins."""

    auth: Literal["none", "keys", "huggingface"] = Field(
        "none",
        description="Credential that a client needs to generate pictures: none, keys for one that flask --app app keys"
        " create made or API_KEYS declares, or huggingface for an access token of the Hugging Face Hub with read"
        " access.",
    )
    api_keys: SecretStr | None = Field(
        None,
        description="API keys by their hashes, as keys create --print-hash prints them: name:sha256, separated by"
        " commas, each with :scopes=generate+jobs:per-minute=10:per-day=200:budget=1.50:expires=2027-02-28 if need be."
        " Others are in the jobs' database.",
    )
    signing_keys: SecretStr | None = Field(
        None,
        description="Secrets of signed links, of 32 characters at least, separated by commas: the first signs, all"
        " verify. If unset, one is made in the jobs' database when it is first needed.",
    )
    admin_accounts: tuple[str, ...] = Field(
        (),
        description="Accounts of the Hub, by name, that may delete pictures, load models and LoRAs, and see the details"
        " of /ready, as the holder of WORKER_TOKEN may; separated by commas. It needs AUTH=huggingface.",
    )
    hub_url: str = Field(
        "https://huggingface.co",
        description="Address of the Hub that checks the tokens of AUTH=huggingface. Every token is sent to it.",
    )

    @property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """Return the keys of signed links that are set, the one that signs first."""
        return tuple(text.encode() for text in secrets_in(self.signing_keys))

    @field_validator("signing_keys")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        for number, text in enumerate(secrets_in(value), 1):
            if len(text) < MIN_SIGNING_KEY:
                raise ValueError(f"number {number} of its keys is shorter than {MIN_SIGNING_KEY} characters")
        return value if secrets_in(value) else None

    @property
    def declared_keys(self) -> tuple[KeyEntry, ...]:
        """Return the keys of API_KEYS."""
        return entries_of(self.api_keys.get_secret_value()) if self.api_keys else ()

    @field_validator("api_keys")
    @classmethod
    def _of_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            entries_of(value.get_secret_value())
        return value

    @field_validator("admin_accounts", mode="before")
    @classmethod
    def _account_names(cls, value: object) -> object:
        return split_at_commas(value)

    @field_validator("admin_accounts")
    @classmethod
    def _with_auth(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("auth", "huggingface") != "huggingface":  # an invalid AUTH is named itself
            raise ValueError("without AUTH=huggingface there are no accounts; set that, or unset this")
        if not all(map(ACCOUNT_NAME.fullmatch, value)):
            raise ValueError("it must be names of accounts, like ann or ann,ben")
        return value

    @field_validator("hub_url")
    @classmethod
    def _of_a_hub(cls, value: str) -> str:
        if not is_address(value):
            raise ValueError("it must be an address like https://huggingface.co")
        if "@" in urlsplit(value).netloc:
            raise ValueError("it must have no user and password: the clients' tokens are the credentials there")
        return value.rstrip("/")
