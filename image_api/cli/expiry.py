"""When something expires, as a command's option has it: a time from now like 90d, or a date."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click

SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
MAX_SECONDS = 3653 * 86_400  # ten years
TIME = re.compile(r"([0-9]{1,9})([mhdw])")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FORM = "it must be a time from now like 30m, 12h, 7d or 2w, or a date like 2027-02-28"


class Expiry(click.ParamType[int]):
    """An option's moment in Unix seconds; that of a date is the end of that day, in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the moment. Raises BadParameter unless it lies ahead, by ten years at most."""
        try:
            return value if isinstance(value, int) else moment_of(str(value), time.time())
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def moment_of(text: str, now: float) -> int:
    """Return the moment in Unix seconds. Raises ValueError, with a sentence, unless it lies in the next ten years."""
    text = text.strip()
    if found := TIME.fullmatch(text):
        moment = int(now) + int(found[1]) * SECONDS[found[2]]
    elif DATE.fullmatch(text):
        moment = _end_of(text)
    else:
        raise ValueError(FORM)
    if moment <= now:
        raise ValueError("it must lie ahead")
    if moment > now + MAX_SECONDS:
        raise ValueError("it must lie within the next ten years")
    return moment


def _end_of(date: str) -> int:
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
        return int((day + timedelta(days=1)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(FORM) from None
