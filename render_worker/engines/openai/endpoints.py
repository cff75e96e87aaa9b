"""The endpoints that the settings name: each an address with a model, a key and a kind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from render_worker.engines.openai.presets import EXTENSIONS, PRESETS

ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MODEL = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}"
KEY = re.compile(r"[!-~]+")
FORM = "name=http://host:port/v1|model|key|kind, of which the last three may be left out"
MOST_PARTS = 4


@dataclass(frozen=True)
class Kind:
    """Which server an endpoint is: the name of its preset, and the extensions that it takes beside those."""

    preset: str
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of which only the name may be shown."""

    name: str
    url: SecretStr = field(repr=False)
    model: str | None = field(default=None, repr=False)
    key: SecretStr | None = field(default=None, repr=False)
    kind: Kind | None = field(default=None, repr=False)


def kind(value: object) -> object:
    """Return the kind that a text like `litellm+seed` names. Raises ValueError if there is none."""
    if not isinstance(value, str):
        return value
    preset, *extensions = value.strip().split("+")
    if preset not in PRESETS:
        raise ValueError(f"the kind must be one of {', '.join(PRESETS)}")
    if not set(extensions) <= EXTENSIONS.keys():
        raise ValueError(f"a kind may be followed by +{', +'.join(EXTENSIONS)}")
    return Kind(preset, frozenset(extensions))


def whole_address(value: str) -> str:
    """Return an address without a slash at its end. Raises ValueError, which does not repeat it, if it is none."""
    try:
        known = bool(ADDRESS.fullmatch(value) and urlsplit(value).hostname and (urlsplit(value).port or 1))
    except ValueError:  # brackets or a port that are none
        known = False
    if not known:
        raise ValueError("the address must be like https://pictures.example/v1")
    return value.rstrip("/")


def endpoints(value: object) -> object:
    """Return the endpoints that a text names. Raises ValueError with a bad one's position, and none of its content."""
    if not isinstance(value, str):
        return value
    found: dict[str, Endpoint] = {}
    for position, entry in enumerate(value.split(","), start=1):
        if not entry.strip():
            continue
        try:
            endpoint = _endpoint(entry.strip(), found)
        except ValueError as error:
            raise ValueError(f"entry {position} must be like {FORM}: {error}") from None
        found[endpoint.name] = endpoint
    return tuple(found.values())


def _endpoint(entry: str, others: Mapping[str, Endpoint]) -> Endpoint:
    name, equals, rest = entry.partition("=")
    parts = [part.strip() for part in rest.split("|")]
    if not equals or len(parts) > MOST_PARTS:
        raise ValueError("it has another form")
    if not NAME.fullmatch(name := name.strip()):
        raise ValueError("the name must be lower-case letters, digits, - and _, 32 at most")
    if name in others:
        raise ValueError("another entry has its name")
    url, model, key, of_kind = [*parts, "", "", ""][:MOST_PARTS]
    if model and not re.fullmatch(MODEL, model):
        raise ValueError("the model is no name of a model")
    if key and not KEY.fullmatch(key):
        raise ValueError("the key must be printable ASCII without spaces")
    found = kind(of_kind) if of_kind else None
    return Endpoint(
        name,
        SecretStr(whole_address(url)),
        model or None,
        SecretStr(key) if key else None,
        found if isinstance(found, Kind) else None,
    )
