"""What the sandbox is told to play, what it was asked, and what is in flight. Shared by all of its threads."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

REMEMBERED_REQUESTS = 10_000


Spoiled = Literal[
    "404",
    "empty",
    "cut",
    "broken_off",
    "reset",
    "wrong_size",
    "not_a_picture",
    "oversized",
    "bomb",
    "large",
    "compressed",
    "animated",
    "drip",
    "error_drip",
]
PageRefusal = Literal["error_500", "refused_400", "refused_429", "refused_500", "refused_999"]
PageTrouble = Literal[
    "silent", "hang", "noise", "forged", "elsewhere", "advertisement", "challenge", "challenge_within"
]
ImgurLimit = Literal["too_fast", "too_many", "gateway", "limit_in_seconds", "limit_as_moment", "limit_absurd"]
ImgurRefusal = Literal[
    "invalid_client", "invalid_token", "over_capacity", "forbidden_actions", "file_type", "file_size"
]
ImgurOddity = Literal["ok_jpeg", "no_link", "hang", "html_503", "html_404"]
Endpoint = Literal[
    "verify",
    "generate",
    "download",
    "page",
    "upload",
    "imgur",
    "horde",
    "replicate",
    "vertex",
    "huggingface",
    "cloudinary",
]

FAULTS: dict[Endpoint, tuple[str, ...]] = {
    "verify": ("empty_500", "something_new"),
    "generate": ("html", "half_json", "reset", "gen_failure", "stale_request", "network_busy", "invalid_key"),
    "download": ("404", "empty", "cut", "broken_off", "reset", "wrong_size", "not_a_picture", "bomb"),
    "page": ("noise", "elsewhere", "refused_500", "refused_999"),
    "upload": ("redirect", "404", "empty", "cut", "broken_off", "reset", "wrong_size", "not_a_picture", "bomb"),
    "imgur": ("over_capacity", "gateway", "html_503", "no_link"),
    "horde": (),
    "replicate": ("interrupted", "no_output", "html_502"),
    "vertex": ("unavailable", "html", "reset", "no_image"),
    "huggingface": (),
    "cloudinary": (),
}
"""What can happen by chance, each without lasting: walls and limits would end a run of many requests at once."""


class Scenario(BaseModel):
    """How the stand-ins behave. For verify and generate, any other word is played as Perchance's `status`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verify: str = Field("ok", description='"ok", "challenge", "empty_500", "hang" or a status word')
    generate: str = Field(
        "ok", description='"ok", "challenge", "html", "half_json", "reset", "drip", "hang" or a status word'
    )
    download: Literal["ok", "challenge", "hang"] | Spoiled = "ok"
    page: Literal["ok"] | PageTrouble | PageRefusal = "ok"
    upload: Literal["ok", "redirect", "hang"] | Spoiled = "ok"
    imgur: Literal["ok"] | ImgurOddity | ImgurRefusal | ImgurLimit = "ok"
    horde: str = Field("ok", description='"ok" or a word of sandbox/horde.py')
    replicate: str = Field("ok", description='"ok" or a word of sandbox/replicate.py')
    vertex: str = Field("ok", description='"ok" or a word of sandbox/vertex.py')
    huggingface: str = Field("ok", description='"ok" or a word of sandbox/huggingface.py')
    cloudinary: str = Field("ok", description='"ok" or a word of sandbox/cloudinary.py')
    times: int = Field(0, ge=0, description="Requests that are refused before all is well again; 0 is for ever.")
    painted: Literal["new", "beforehand"] = Field("new", description="Whether each picture is painted when asked for.")
    delay: float = Field(0.0, ge=0, le=600, description="Seconds that a picture takes.")
    pause: float = Field(0.0, ge=0, le=60, description="Seconds that every other answer takes, so that phases last.")
    faults: float = Field(0.0, ge=0, le=1, description="Share of requests that meet a fault by chance.")
    fault_seed: int = Field(1, description="The same seed draws the same faults in the same order.")
    http_status: int = Field(200, ge=200, le=599, description="HTTP status of JSON refusals.")
    key_seconds: float = Field(3600.0, gt=0, description="Life of a key.")
    wall_after: int = Field(0, ge=0, description="Generations in a minute after which the wall stands; 0 is never.")
    threads: int = Field(1, ge=1, description="Pictures at a time for one address.")
    post_to: Literal["anybody", "parent"] = Field("anybody", description="Whom the page's messages are addressed to.")


Outcome = Literal["in flight", "answered", "aborted"]


class Asked(BaseModel):
    """One request that the sandbox got."""

    endpoint: str
    at: float
    """Seconds since the sandbox started."""
    outcome: Outcome = "in flight"
    played: str = "ok"
    seconds: float | None = None
    body: dict[str, object] | None = None


class Switchboard:
    """The scenario, the log and the gauge."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self.reset()

    def reset(self) -> None:
        """Back to a site where all is well, with an empty log."""
        with self._lock:
            self._play(Scenario())
            self._log: deque[Asked] = deque(maxlen=REMEMBERED_REQUESTS)
            self._in_flight = 0
            self._peak = 0

    def switch(self, scenario: Scenario) -> None:
        """Play another scenario from now on."""
        with self._lock:
            self._play(scenario)

    def _play(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._refusals = 0
        self._chance = random.Random(scenario.fault_seed)  # noqa: S311 - chance that can be had again

    def behaviour(self, endpoint: Endpoint) -> str:
        """What to play for this request; counts the refusals that `times` limits."""
        with self._lock:
            if FAULTS[endpoint] and self._chance.random() < self.scenario.faults:
                return self._chance.choice(FAULTS[endpoint])
            wanted: str = getattr(self.scenario, endpoint)
            if wanted == "ok" or (self.scenario.times and self._refusals >= self.scenario.times):
                return "ok"
            self._refusals += 1
            return wanted

    @contextmanager
    def asked(self, endpoint: str, body: dict[str, object] | None = None) -> Iterator[Asked]:
        """Log a request for as long as it is in flight."""
        entry = Asked(endpoint=endpoint, at=round(time.monotonic() - self._started, 3), body=body)
        with self._lock:
            self._log.append(entry)
        begun = time.monotonic()
        try:
            yield entry
        finally:
            entry.seconds = round(time.monotonic() - begun, 3)
            if entry.outcome == "in flight":
                entry.outcome = "answered"

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a generation in the gauge."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def gauge(self) -> dict[str, int]:
        """Generations in flight now and the most that ever were, and the requests in flight at each endpoint."""
        with self._lock:
            endpoints = Counter(entry.endpoint for entry in self._log if entry.seconds is None)
            return {"in_flight": self._in_flight, "peak": self._peak, **endpoints}

    def log(self) -> list[Asked]:
        """What was asked, oldest first."""
        with self._lock:
            return list(self._log)
