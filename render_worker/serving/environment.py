"""Settings that are read from the environment: what both tiers accept alike, and the sentence that refuses the rest."""

import contextlib
import os
import re
import socket
import sys
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OTHER_LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
MAX_PORT = 65535
# DEBUG of Node's programs, as Playwright is: pw:api, or *.
NAMESPACES = re.compile(r"[^:*,]*[:*,].*")

S = TypeVar("S", bound="EnvironmentSettings")


def comma_separated(text: str) -> tuple[str, ...]:
    """Return what commas separate, without the spaces around it; nothing between two commas counts for nothing."""
    return tuple(part for each in text.split(",") if (part := each.strip()))


def split_at_commas(value: object) -> object:
    """Return a text as `comma_separated`, and whatever else a setting was given as it is: for a BeforeValidator."""
    return comma_separated(value) if isinstance(value, str) else value


def secrets_in(setting: SecretStr | None) -> tuple[str, ...]:
    """Return the secrets that commas separate in a setting; none if it is unset."""
    return comma_separated(setting.get_secret_value()) if setting else ()


class EnvironmentSettings(BaseModel):
    """Base of settings: a field that is not given is read from the environment variable of its name.

    Spaces around a value do not count, an empty variable counts as unset, and names are read in any case. All is text
    there: a field of several values splits it itself. pydantic-settings, which does much more, takes longer to import
    than everything else that reads the settings.
    """

    # A validator is built when it is first used: not for the classes that others are made of.
    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        defer_build=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**_of_environment(type(self)), **given})

    @model_validator(mode="before")
    @classmethod
    def _trimmed(cls, values: dict[str, Any]) -> dict[str, Any]:
        trimmed = {name: it.strip() if isinstance(it, str) else it for name, it in values.items()}
        return {name: it for name, it in trimmed.items() if it != "" or values[name] == ""}


def _of_environment(kind: type[EnvironmentSettings]) -> dict[str, str]:
    """Return the texts of the variables that are set, by the name that a field is validated by."""
    environment = {name.upper(): text for name, text in os.environ.items() if text}  # noqa: TID251 - its one reader
    found = {}
    for name, field in kind.model_fields.items():
        names = variables(name, field)
        if text := next((environment[it] for it in names if it in environment), ""):
            found[names[0].lower()] = text
    return found


def read(kind: type[S]) -> S:
    """Return settings of a kind. Exits with a sentence that names the variable if one cannot be used."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        field = kind.model_fields[name]
        problem = f"{' or '.join(variables(name, field))} cannot be used: {_in_words(first, field)}"
        sys.exit(f"{problem}. What it sets: {field.description}")


def _in_words(error: ErrorDetails, field: FieldInfo) -> str:
    """Return what is wrong with a value; an example, or else the default, for people who read no patterns."""
    example = field.examples[0] if field.examples else field.default
    if error["type"] != "string_pattern_mismatch" or not example:
        return error["msg"].removeprefix("Value error, ")
    return f"it must be like {example[0] if isinstance(example, tuple) else example}"


def variables(name: str, field: FieldInfo) -> list[str]:
    """Return the environment variables that a setting is read from, the one that counts first."""
    alias = field.validation_alias
    return [str(it).upper() for it in (alias.choices if isinstance(alias, AliasChoices) else (name,))]


def gunicorn_address(host: str, port: int) -> str:
    """Return the address for gunicorn's `bind`. Exits with a sentence if this machine cannot listen on the host."""
    problem = ""
    for family in (socket.AF_INET6,) if ":" in host else (socket.AF_INET, socket.AF_INET6):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((host, 0))
                address = probe.getsockname()[0]
        except OSError as error:
            problem = problem or error.strerror or str(error)
        else:
            return f"[{address}]:{port}" if family is socket.AF_INET6 else f"{address}:{port}"
    sys.exit(f"HOST cannot be used: this machine cannot listen on {host} ({problem}). 0.0.0.0 means all its addresses.")


def _host(value: str) -> str:
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    with contextlib.suppress(ValueError):
        return str(ip_address(host.replace("%", "?")))  # gunicorn takes no zone of an address
    if not HOST_NAME.fullmatch(host):
        raise ValueError("it must be an address of this machine, like 127.0.0.1, 0.0.0.0, ::1 or ::, without a port")
    return host


def _port(value: object) -> int:
    digits = str(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= MAX_PORT):
        raise ValueError(f"it must be a whole number from 1 to {MAX_PORT}")
    return int(digits)


def _debug(value: object) -> object:
    return False if isinstance(value, str) and NAMESPACES.fullmatch(value) else value


def _level(value: str, info: ValidationInfo) -> str:
    if not value:
        return "DEBUG" if info.data.get("debug") else "INFO"
    level = OTHER_LEVELS.get(value.upper(), value.upper())
    if level not in LEVELS:
        raise ValueError(f"it must be {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    return level


Host = Annotated[str, AfterValidator(_host)]
"""An address or a name to listen on; of IPv6 with or without brackets."""
Port = Annotated[int, BeforeValidator(_port)]
"""A TCP port to listen on."""
Debug = Annotated[bool, BeforeValidator(_debug)]
"""Whether LOG_LEVEL is DEBUG unless it is set. There is no debugger. It stands before LOG_LEVEL's field."""
LogLevel = Annotated[str, AfterValidator(_level)]
"""A level of logging, in any case; the default, an empty text, is what DEBUG says."""
