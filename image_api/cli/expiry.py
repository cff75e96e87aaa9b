"""When something expires, as a command's option has it: a time from now like 90d, or a date."""

import time
from datetime import timedelta
from typing import Any

import click

from image_api.key_entries import expiry_of

LONGEST = timedelta(days=3653)


class Expiry(click.ParamType[int]):
    """An option's moment in Unix seconds, within the next ten years; that of a date is the end of that day, in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the moment. Raises BadParameter if it is none, or does not lie ahead."""
        now = time.time()
        try:
            moment = value if isinstance(value, int) else int(expiry_of(str(value).strip(), now))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not now < moment <= now + LONGEST.total_seconds():
            self.fail("it must lie ahead, and within the next ten years.", param, ctx)
        return moment
