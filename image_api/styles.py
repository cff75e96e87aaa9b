"""Named styles: a template for a client's prompt each. `styles.toml` beside this module declares them."""

import tomllib
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from render_worker.contract import MAX_TEXT, InvalidField, Text

SLOT = "{prompt}"


class Style(BaseModel):
    """A template around a prompt, and a negative prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    prompt: str = Field(pattern=r"\{prompt\}")
    negative_prompt: Text | None = None

    def applied_to(self, prompt: str) -> str:
        """Return the prompt in this style. Raises InvalidField if it is too long with it."""
        styled = self.prompt.replace(SLOT, prompt)
        if len(styled) > MAX_TEXT:
            room = MAX_TEXT - len(self.prompt.replace(SLOT, ""))
            raise InvalidField(f"prompt must be {room:,} characters at most with the style {self.name}.")
        return styled

    def added_to(self, negative_prompt: str | None) -> str | None:
        """Return the negative prompt and this style's. Raises InvalidField if they are too long together."""
        both = ", ".join(text for text in (negative_prompt, self.negative_prompt) if text)
        if len(both) > MAX_TEXT:
            room = MAX_TEXT - len(both) + len(negative_prompt or "")
            raise InvalidField(f"negative_prompt must be {room:,} characters at most with the style {self.name}.")
        return both or None

    def taken_from(self, prompt: str, negative_prompt: str | None) -> tuple[str, str | None] | None:
        """Return both prompts as they were before this style; None if they are not in it."""
        before, after = self.prompt.split(SLOT)
        own = prompt.removeprefix(before).removesuffix(after)
        if before + own + after != prompt or not own.strip():
            return None
        if not self.negative_prompt:
            return own, negative_prompt
        addition = f", {self.negative_prompt}"
        both = f", {negative_prompt}"
        return (own, both.removesuffix(addition)[2:] or None) if both.endswith(addition) else None


def _read_styles() -> dict[str, Style]:
    table = tomllib.loads(files(__package__).joinpath("styles.toml").read_text(encoding="utf-8"))
    return {name: Style(name=name, **fields) for name, fields in table.items()}


STYLES = _read_styles()


def without_style(prompt: str, negative_prompt: str | None) -> tuple[str | None, str, str | None]:
    """Return the name of the style that both prompts are in, and both as they were before; else None and the two.

    A request for just these words in no style gets the same picture, so it does not matter which one it was.
    """
    for style in STYLES.values():
        if found := style.taken_from(prompt, negative_prompt):
            return style.name, *found
    return None, prompt, negative_prompt


ACCEPTED = f"one of {', '.join(STYLES)}"


def _existing_name(name: str) -> str:
    if name.lower() not in STYLES:
        raise ValueError("unknown style")
    return name.lower()


StyleName = Annotated[str, AfterValidator(_existing_name), WithJsonSchema({"type": "string", "enum": list(STYLES)})]
