"""The registry of engines: one row each, from which names, settings and the documents' tables derive.

An engine's class is imported when the worker builds it, so that an engine that is not enabled costs neither time nor
memory, and reading the settings imports none.
"""

import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from render_worker.engines.automatic1111.settings import Automatic1111Settings
from render_worker.engines.cloudflare.settings import CloudflareSettings
from render_worker.engines.comfyui.settings import ComfyUISettings
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.engines.horde.settings import HordeSettings
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.openai.settings import OpenAISettings
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.pollinations.settings import PollinationsSettings
from render_worker.engines.replicate.settings import ReplicateSettings
from render_worker.engines.settings import EngineSettings
from render_worker.engines.vertex.settings import VertexSettings

if TYPE_CHECKING:
    from render_worker.engines.base import Engine


@dataclass(frozen=True)
class EngineRegistration:
    """One engine: its settings and where its class is."""

    settings: type[EngineSettings]
    path: str
    """Module and class within this package."""
    configured_by: tuple[tuple[str, ...], ...] = ()
    """Groups of its settings: it has its account or its address once every setting of one group is set."""
    own_server: bool = False
    """Whether it asks a server of one's own: a local run enables it once its address is set."""
    may_cost: bool = False
    """Whether a picture may cost money, so that a local run offers it after the others."""
    only_named: bool = False
    """Whether it is always there for clients that name it, and never answers model=auto."""
    several: str | None = None
    """The setting that names further ones, each an engine of its own: `openai:local` beside `openai`."""

    def is_configured(self, given: Set[str]) -> bool:
        """Return whether the settings that are given are an account or an address of it."""
        return any(given >= {*group} for group in self.configured_by)

    def load(self) -> "type[Engine]":
        """Import and return the engine's class."""
        found: type[Engine] = pkgutil.resolve_name(f"{__name__}.{self.path}")
        return found


ENGINES = {
    "perchance": EngineRegistration(PerchanceSettings, "perchance.engine:PerchanceEngine"),
    "horde": EngineRegistration(HordeSettings, "horde.engine:HordeEngine", (("horde_api_key",),)),
    "replicate": EngineRegistration(
        ReplicateSettings, "replicate.engine:ReplicateEngine", (("replicate_api_token",),), may_cost=True
    ),
    "vertex": EngineRegistration(
        VertexSettings,
        "vertex.engine:VertexEngine",
        (("google_api_key",), ("google_application_credentials", "google_cloud_project")),
        may_cost=True,
    ),
    "huggingface": EngineRegistration(
        HuggingFaceSettings, "huggingface.engine:HuggingFaceEngine", (("hf_token",), ("huggingface_api_key",))
    ),
    "automatic1111": EngineRegistration(
        Automatic1111Settings, "automatic1111.engine:Automatic1111Engine", (("automatic1111_url",),), own_server=True
    ),
    "comfyui": EngineRegistration(
        ComfyUISettings, "comfyui.engine:ComfyUIEngine", (("comfyui_url",),), own_server=True
    ),
    "cloudflare": EngineRegistration(
        CloudflareSettings, "cloudflare.engine:CloudflareEngine", (("cloudflare_account_id", "cloudflare_api_token"),)
    ),
    "openai": EngineRegistration(
        OpenAISettings,
        "openai.engine:OpenAIEngine",
        (("openai_api_key",), ("openai_base_url",)),
        may_cost=True,
        several="openai_endpoints",
    ),
    "diffusers": EngineRegistration(DiffusersSettings, "diffusers.engine:DiffusersEngine"),
    "pollinations": EngineRegistration(PollinationsSettings, "pollinations.engine:PollinationsEngine"),
    "sketch": EngineRegistration(EngineSettings, "sketch.engine:SketchEngine", only_named=True),
}
AUTO_ENGINES = tuple(name for name, row in ENGINES.items() if not row.only_named)
"""The names that ENGINES accepts."""


class SettingsOfEngines(
    PerchanceSettings,
    HordeSettings,
    ReplicateSettings,
    VertexSettings,
    HuggingFaceSettings,
    Automatic1111Settings,
    ComfyUISettings,
    CloudflareSettings,
    OpenAISettings,
    DiffusersSettings,
    PollinationsSettings,
):
    """The settings of all engines."""


def build_engines(names: Iterable[str], settings: SettingsOfEngines) -> "dict[str, Engine]":
    """Return the named engines in that order, and those that are always there, by their names."""
    always = (name for name, row in ENGINES.items() if row.only_named)
    engines = {name: registration_of(name).load().of(name, settings) for name in (*names, *always)}
    for engine in engines.values():
        engine.secrets = tuple(_secrets_of(settings))
    return engines


def _secrets_of(settings: SettingsOfEngines) -> Iterator[str]:
    """Yield the secrets of the settings; of a user and a password the latter as well."""
    for _, value in settings:
        if isinstance(value, SecretStr):
            whole = value.get_secret_value()
            yield from {whole, whole.rpartition(":")[2]}


def names_of_further(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the whole names of the engines that settings name beside the registry's, such as openai:local."""
    return tuple(
        f"{kind}:{further.name}"
        for kind, row in ENGINES.items()
        if row.several
        for further in settings.get(row.several, ())
    )


def registration_of(name: str) -> EngineRegistration:
    """Return the row of an engine, by its whole name. Raises KeyError if there is none."""
    kind, colon, _ = name.partition(":")
    row = ENGINES[kind]
    if colon and not row.several:
        raise KeyError(name)
    return row
