"""The argument list of a Space's function: JSON whose texts hold placeholders for what the request asks for."""

import json
import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{(\w+)\}")
PROMPT = "prompt"
PARAMETERS = ("seed", "negative_prompt", "guidance_scale")
KNOWN = (PROMPT, *PARAMETERS, "width", "height", "size", "ratio")

Value = str | int | float


def checked_arguments(text: str) -> str:
    """Return the list as it is. Raises ValueError if it is none, lacks the prompt or has another placeholder."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise ValueError('it must be a JSON list, like ["{prompt}", "{seed}"]')  # noqa: TRY004 - as validators do
    names = _names(found)
    if unknown := sorted(names - {*KNOWN}):
        raise ValueError(f"it has {{{unknown[0]}}}; its placeholders are {', '.join(f'{{{name}}}' for name in KNOWN)}")
    if PROMPT not in names:
        raise ValueError("it must hold {prompt}")
    return text


class Arguments:
    """A list that `checked_arguments` accepts."""

    def __init__(self, text: str) -> None:
        self._arguments: list[object] = json.loads(text)
        names = _names(self._arguments)
        self.honoured = tuple(name for name in PARAMETERS if name in names)
        """The parameters that it has a place for."""

    def filled(self, values: Mapping[str, Value]) -> list[object]:
        """Return the arguments. A text that is one placeholder becomes the value itself, so a number stays one."""
        return [_filled(argument, values) for argument in self._arguments]


def _filled(argument: object, values: Mapping[str, Value]) -> object:
    if isinstance(argument, list):
        return [_filled(each, values) for each in argument]
    if isinstance(argument, dict):
        return {name: _filled(each, values) for name, each in argument.items()}
    if not isinstance(argument, str):
        return argument
    if whole := PLACEHOLDER.fullmatch(argument):
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), argument)  # once: a prompt's own braces stay


def _names(argument: object) -> set[str]:
    """Return the names of all placeholders."""
    if isinstance(argument, str):
        return set(PLACEHOLDER.findall(argument))
    each = argument.values() if isinstance(argument, dict) else argument if isinstance(argument, list) else ()
    return set().union(*map(_names, each))
