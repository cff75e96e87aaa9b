"""Types of the commands' parameters, whose values are checked as those of settings are."""

from collections.abc import Callable
from typing import TypeVar

import click

T = TypeVar("T")


class Parsed(click.ParamType[T]):
    """What a function makes of a text, unless that raises ValueError with a sentence."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: str | T, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the value. Ends the command with a sentence, and with 2, if it is invalid."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
