"""A connection: an endpoint's settings and its preset, put together."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from render_worker.engines.openai.endpoints import Endpoint, Kind
from render_worker.engines.openai.models import ImageModel, model_named
from render_worker.engines.openai.presets import EXTENSIONS, PRESETS, Preset, preset_of_host
from render_worker.engines.openai.settings import OpenAISettings
from render_worker.outbound.download import PictureService, host_of

OPERATION = "/images/generations"  # which some write at the end of an API's address
DEPLOYMENT = "/deployments/"


@dataclass(frozen=True)
class Connection:
    """Where pictures are asked for, and how."""

    name: str
    """The engine's whole name."""
    base: str = field(repr=False)
    key: str | None = field(repr=False)
    model: str | None
    preset: Preset
    extensions: dict[str, str]
    """The parameters that it takes beyond OpenAI's, and its names for them."""
    quality: str
    api_version: str | None
    """Of addresses that need one."""
    more_origins: tuple[str, ...] = ()
    owner: str = field(default="", repr=False)
    """user:password of the address."""

    @property
    def service(self) -> str:
        """Return the service's name for people."""
        return self.preset.title if ":" not in self.name else f"{self.preset.title} ({self.name})"

    @property
    def known(self) -> ImageModel:
        """Return what is known of the model."""
        return model_named(self.model, self.preset.models)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers by which the server knows this client."""
        if not self.key:
            basic = base64.b64encode(unquote(self.owner).encode()).decode()
            return {"Authorization": f"Basic {basic}"} if self.owner else {}
        bearer = self.preset.key_header == "Authorization"
        return {self.preset.key_header: f"Bearer {self.key}" if bearer else self.key}

    @property
    def query(self) -> dict[str, str]:
        """Return the parameters of each address."""
        return {"api-version": self.api_version} if self.api_version else {}

    @property
    def origin(self) -> str:
        """Return the origin of the API's own address."""
        return _origin(urlsplit(self.base))

    def is_own(self, address: str) -> bool:
        """Return whether an address is on the API's own origin. Raises ValueError if it is none."""
        return _origin(urlsplit(address)) == self.origin

    @property
    def pictures(self) -> PictureService:
        """Return the hosts from which its pictures may be fetched."""
        return PictureService(self.service, (self.origin, *self.preset.origins, *self.more_origins))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what no error may repeat."""
        host, word = urlsplit(self.base).netloc, self.owner.partition(":")[2]
        return tuple(it for it in (self.key, self.base, host, self.owner, word) if it)


def connection(name: str, settings: OpenAISettings) -> Connection:
    """Return the connection of an engine, by its whole name: `openai`, or `openai:` and the name of an endpoint."""
    _, further, endpoint = name.partition(":")
    named = (it for it in settings.openai_endpoints if it.name == endpoint)
    found = next(named) if further else _first(settings)
    address = urlsplit(found.url.get_secret_value())
    kind = found.kind or Kind(preset_of_host(address))
    preset = PRESETS[kind.preset]
    owner, _, host = address.netloc.rpartition("@")
    base = _base(address._replace(netloc=host), preset)
    return Connection(
        name,
        base,
        found.key.get_secret_value() if found.key else None,
        found.model or preset.default_model,
        preset,
        {**_usual(kind.extensions), **preset.extensions},
        settings.openai_image_quality,
        settings.openai_api_version if DEPLOYMENT in base else None,
        settings.openai_image_origins,
        owner,
    )


def _first(settings: OpenAISettings) -> Endpoint:
    """Return the endpoint that has settings of its own."""
    url, key = SecretStr(settings.openai_base_url), settings.openai_api_key
    return Endpoint("", url, settings.openai_image_model, key, settings.openai_kind)


def _usual(names: Iterable[str]) -> dict[str, str]:
    return {name: EXTENSIONS[name] for name in names}


def _base(address: SplitResult, preset: Preset) -> str:
    """Return the API's address, without a slash at its end."""
    path = address.path.removesuffix(OPERATION).rstrip("/")
    return urlunsplit((address.scheme, address.netloc, path or preset.path, "", ""))


def _origin(address: SplitResult) -> str:
    return f"{address.scheme}://{host_of(address)}"
