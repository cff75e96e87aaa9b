"""What a stand-in declares about itself, once; the application, the scenario and every environment derive from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from flask import Blueprint
from pydantic import create_model

from sandbox.scenario import Scenario


@dataclass(frozen=True)
class Addresses:
    """A running sandbox's two origins."""

    site: str
    uploads: str

    @classmethod
    def on_loopback(cls, port: int, upload_port: int) -> "Addresses":
        """Return the addresses of a sandbox on this machine."""
        return cls(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{upload_port}")


@dataclass(frozen=True)
class Faults:
    """What an endpoint can play besides `ok`; `by_chance` are the faults of a soak.

    Only faults that do not last happen by chance: a block or a rate limit would end a run of many requests at once.
    """

    words: tuple[str, ...]
    by_chance: tuple[str, ...] = ()
    any_word: bool = False
    """Whether it plays every other word too, as the status of its reply."""


@dataclass(frozen=True)
class StandIn:
    """One outside service: its scenario fields, its faults by endpoint, and how both tiers are pointed to it.

    Each endpoint is a scenario field of the same name. `environment` returns variables; `keys` are made-up credentials
    that the stand-in accepts. `reset` is called by POST /sandbox/reset.
    """

    name: str
    scenario: type[Scenario]
    faults: Mapping[str, Faults]
    blueprints: tuple[Blueprint, ...]
    environment: Callable[[Addresses], dict[str, str]] = lambda _: {}
    keys: Mapping[str, str] = field(default_factory=dict)
    reset: Callable[[], None] = lambda: None


def combined_scenario(stand_ins: Iterable[StandIn]) -> type[Scenario]:
    """Return a model with the fields of all stand-ins, which is a subclass of each one's own."""
    return create_model("Scenario", __base__=tuple(stand_in.scenario for stand_in in stand_ins))
