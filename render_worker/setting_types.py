"""The types that settings are made of, and the base of every class of settings."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

from render_worker.serving.environment import EnvironmentSettings, split_at_commas

ORIGIN = r"^https?://(\*\.)?[a-z0-9._:\[\]-]+$"
PRINTABLE = re.compile(r"[!-~]+")
SHOWN_NAME = re.compile(r"[a-z0-9_:-]{1,30}")
ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")

T = TypeVar("T")


def _without_duplicates(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("it must name each but once")
    return value


def _fit_for_a_header(value: SecretStr) -> SecretStr:
    if not PRINTABLE.fullmatch(value.get_secret_value()):
        raise ValueError("it must be printable ASCII without spaces or line breaks")
    return value


def _address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("it must be an address like https://pictures.example")
    return value.rstrip("/")


Secret = Annotated[SecretStr, AfterValidator(_fit_for_a_header)]
"""A key or token that is sent in a header and never shown."""
Url = Annotated[str, AfterValidator(_address)]
"""An http or https address, without a slash at its end."""
Origin = Annotated[str, StringConstraints(pattern=ORIGIN)]
"""Scheme, host and port; `*.` in front of the host means any subdomain."""
Listed = Annotated[tuple[T, ...], BeforeValidator(split_at_commas), AfterValidator(_without_duplicates)]
"""Values separated by commas, each of them once."""


class SettingsPart(EnvironmentSettings):
    """Base of each part of the settings: a field is read from the upper-case environment variable of its name.

    An empty variable counts as unset. `Settings` inherits every part, so no two parts may declare the same field.
    """

    title: ClassVar[str]
    """The heading of its table in docs/settings.md."""


class GoogleCredentials(SettingsPart):
    """What the engine `vertex` and the storage `gcs` share."""

    title = "Google's service account"

    google_application_credentials: Path | None = Field(
        None, description="File of a service account's key, for vertex and gcs."
    )
