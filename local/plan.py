"""What a local run consists of: its engines in order, and for which of its services the sandbox stands in.

A service is the user's own as soon as one of its addresses or keys is set: then the sandbox leaves it alone altogether,
so that no real key travels to the sandbox and no made-up one to a real service.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from render_worker.engines import ENGINES, EngineRegistration, names_of_further, registration_of
from render_worker.settings import Settings as WorkerSettings
from render_worker.storages import STORAGES

FREE = ("perchance", "horde")


@dataclass(frozen=True)
class Plan:
    """The engines and storages of a run."""

    engines: tuple[str, ...]
    """Those that are enabled, in the order of preference."""
    further: tuple[str, ...]
    """Those that are set up, and not enabled."""
    storages: tuple[str, ...]
    stand_ins: tuple[str, ...] = ()
    """The services that the sandbox plays, in use or not."""

    @property
    def simulated(self) -> tuple[str, ...]:
        """Return the engines and storages of the run for which the sandbox stands in."""
        return tuple(name for name in (*self.engines, *self.storages) if name in self.stand_ins)

    @property
    def sentence(self) -> str:
        """Return the line about it; it names settings, and never tells what they are set to."""
        engines = f"Engines, in the order in which they are asked: {self._listed(self.engines)}."
        storages = f" Pictures go to {self._listed(self.storages)}." if {*self.storages} & {*self.simulated} else ""
        return engines + storages + self._offer

    @property
    def _offer(self) -> str:
        """Return what may be enabled besides: one's own servers before the others, and last what may cost money."""
        if not self.further:
            return ""
        own = [name for name in self.further if registration_of(name).own_server]
        paid = [name for name in self.further if registration_of(name).may_cost]
        free = [name for name in self.further if name not in (*own, *paid)]
        enabling = f"ENGINES={','.join((*own, *self.engines, *free, *paid))} enables all"
        cost = f"; pictures of {', '.join(paid)} may cost money" if paid else ""
        return f" Set up, but not enabled: {', '.join((*own, *free, *paid))}; {enabling}{cost}."

    def _listed(self, names: tuple[str, ...]) -> str:
        return ", ".join(f"{name} (simulated)" if name in self.simulated else name for name in names)


def plan(engines: str | None, storages: str, worker: WorkerSettings) -> Plan:
    """Return the plan of a run without the sandbox.

    `engines` and `storages` are as ENGINES and STORAGE have them. Without ENGINES the free engines are enabled, and
    before them one's own servers whose address is set; what costs money joins by being named alone.
    """
    set_up = tuple(name for name in (*ENGINES, *names_of_further(dict(worker))) if _is_set_up(name, worker))
    own = (name for name in set_up if registration_of(name).own_server)
    enabled = _names(engines) if engines else (*own, *FREE)
    return Plan(enabled, tuple(name for name in set_up if name not in enabled), _names(storages))


def is_own(service: str, texts: Mapping[str, str], made_up: Mapping[str, str], worker: WorkerSettings) -> bool:
    """Return whether the user has set an address or a key of a service.

    `texts` is the environment by upper-case names; `made_up` has the keys that the service's stand-in accepts, which
    are no one's.
    """
    row = ENGINES.get(service) or STORAGES.get(service)
    groups = row.configured_by if isinstance(row, EngineRegistration) else ()
    identity = {name for group in groups for name in group}
    given = {name: texts.get(name.upper(), "").strip() for name in (row.settings.model_fields if row else ())}
    return any(
        name in identity or "://" in text or isinstance(getattr(worker, name), SecretStr)
        for name, text in given.items()
        if text and text != made_up.get(name.upper())
    )


def _is_set_up(name: str, worker: WorkerSettings) -> bool:
    return ":" in name or registration_of(name).is_configured(worker.model_fields_set)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
