"""The entries of API_KEYS, and the values of a key's limits as they and the command line write them.

`name:sha256`, and what differs from the defaults: `:scopes=generate+jobs:per-minute=10:per-day=200:budget=1.50`
`:expires=2027-02-28`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
SCOPES = ("generate", "jobs", "admin")
DEFAULT_SCOPES = ("generate", "jobs")
MAX_PICTURES = 1_000_000_000  # of a limit
MICROS = 1_000_000  # of a US dollar
DOLLARS = re.compile(r"\$?([0-9]{1,7}(?:\.[0-9]{1,6})?)")
DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MAX_DURATION = timedelta(days=36_525)  # of a hundred years
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z")  # ISO 8601's basic format: colons separate an entry's parts

OF_A_NAME = "a name must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
OF_SCOPES = f"scopes must be some of {', '.join(SCOPES)}"
OF_A_LIMIT = f"a limit of pictures must be a whole number from 1 to {MAX_PICTURES:,}"
OF_A_BUDGET = "a budget must be an amount of US dollars like 1.50"
OF_AN_EXPIRY = "an expiry must be a duration like 90d, 12h or 30m, or a date like 2027-02-28, the last day of UTC"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """An API key as it is declared: by its hash."""

    name: str
    sha256: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    per_minute: int | None = None
    per_day: int | None = None
    budget: int | None = None
    """In micro-dollars a day."""
    expires_at: float | None = None
    """Seconds since the epoch."""

    def __str__(self) -> str:
        """Return it as API_KEYS has it."""
        options = {
            "scopes": "+".join(self.scopes) if self.scopes != DEFAULT_SCOPES else None,
            "per-minute": self.per_minute,
            "per-day": self.per_day,
            "budget": None if self.budget is None else dollars_of(self.budget),
            "expires": None if self.expires_at is None else f"{_utc(self.expires_at):%Y%m%dT%H%M%SZ}",
        }
        given = [f"{name}={value}" for name, value in options.items() if value is not None]
        return ":".join([self.name, self.sha256, *given])


def entries_of(text: str) -> tuple[KeyEntry, ...]:
    """Return the entries of API_KEYS. Raises ValueError, which names an entry by its number, if one is invalid."""
    parts = [part.strip() for part in text.split(",")]
    entries = [_numbered(number, part) for number, part in enumerate(parts, 1) if part]
    for what, values in (("name", [it.name for it in entries]), ("hash", [it.sha256 for it in entries])):
        if len(set(values)) < len(values):
            raise ValueError(f"two of its entries have the same {what}")
    return tuple(entries)


def name_of(text: str) -> str:
    """Return the name of a key. Raises ValueError if it is none."""
    if not NAME.fullmatch(text):
        raise ValueError(OF_A_NAME)
    return text


def scopes_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return scopes in the order of SCOPES, each once. Raises ValueError if one is unknown, or there is none."""
    given = set(names)
    if not given or not given.issubset(SCOPES):
        raise ValueError(OF_SCOPES)
    return tuple(it for it in SCOPES if it in given)


def limit_of(text: str) -> int:
    """Return a limit of pictures. Raises ValueError if it is no number from 1 on."""
    if not (re.fullmatch("[0-9]{1,10}", text) and 1 <= int(text) <= MAX_PICTURES):
        raise ValueError(OF_A_LIMIT)
    return int(text)


def micros_of(text: str) -> int:
    """Return an amount of US dollars in micro-dollars. Raises ValueError if it is none."""
    found = DOLLARS.fullmatch(text)
    if not found:
        raise ValueError(OF_A_BUDGET)
    return int(Decimal(found[1]) * MICROS)


def dollars_of(micros: int) -> str:
    """Return micro-dollars as US dollars, with two decimals at least: 1.50."""
    whole, _, decimals = f"{Decimal(micros) / MICROS:f}".partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def expiry_of(text: str, now: float) -> float:
    """Return the time of an expiry: of a duration from `now` on, of a date its end. Raises ValueError if it is none."""
    if found := DURATION.fullmatch(text):
        duration = int(found[1]) * UNITS[found[2]]
        if duration <= MAX_DURATION:
            return float(int(now + duration.total_seconds()))
    try:
        if DATE.fullmatch(text):
            return (datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
        if MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass  # as of February 30
    raise ValueError(OF_AN_EXPIRY)


def time_text(seconds: float) -> str:
    """Return seconds since the epoch as a time of UTC that people read."""
    return f"{_utc(seconds):%Y-%m-%d %H:%M} UTC"


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _numbered(number: int, text: str) -> KeyEntry:
    try:
        return _entry(text)
    except ValueError as error:
        raise ValueError(f"entry {number}: {error}") from None


def _entry(text: str) -> KeyEntry:
    name, *rest = text.split(":")
    if not rest or not SHA256.fullmatch(rest[0]):
        raise ValueError("it must be name:sha256, with 64 hexadecimal digits, as keys create --print-hash prints it")
    options = [part.partition("=") for part in rest[1:]]
    values = {option: value for option, _, value in options}
    if len(values) < len(options) or not values.keys() <= {"scopes", "per-minute", "per-day", "budget", "expires"}:
        raise ValueError("after the hash it may have scopes=, per-minute=, per-day=, budget= and expires=, each once")
    return KeyEntry(
        name_of(name),
        rest[0].lower(),
        scopes_of(values["scopes"].split("+")) if "scopes" in values else DEFAULT_SCOPES,
        limit_of(values["per-minute"]) if "per-minute" in values else None,
        limit_of(values["per-day"]) if "per-day" in values else None,
        micros_of(values["budget"]) if "budget" in values else None,
        expiry_of(_absolute(values["expires"]), 0) if "expires" in values else None,
    )


def _absolute(text: str) -> str:
    """Return an expiry that is no duration, which would begin anew at each start. Raises ValueError if it is one."""
    if DURATION.fullmatch(text):
        raise ValueError("expires must be a date like 2027-02-28")
    return text
