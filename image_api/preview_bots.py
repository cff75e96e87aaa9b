"""Link-preview bots by their User-Agents; `preview_bots.toml` beside this module declares them."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

MAX_USER_AGENT = 500  # characters that are looked at
PRODUCT_TOKEN = re.compile(r"[A-Za-z_-]+")  # https://www.rfc-editor.org/rfc/rfc9309#section-2.2.1


class _Operator(BaseModel):
    """The bots of one operator."""

    model_config = ConfigDict(extra="forbid")

    source: str
    tokens: list[str]
    whole: list[str] = []
    crawls: bool = False


def _read_operators() -> list[_Operator]:
    table = tomllib.loads(files(__package__).joinpath("preview_bots.toml").read_text(encoding="utf-8"))
    return [_Operator(**fields) for fields in table.values()]


_OPERATORS = _read_operators()
_TOKENS = re.compile(
    rf"(?<![a-z])(?:{'|'.join(re.escape(token) for operator in _OPERATORS for token in operator.tokens)})",
    re.IGNORECASE,
)
_WHOLE = {text for operator in _OPERATORS for text in operator.whole}

INVITED = [
    product[0]
    for operator in _OPERATORS
    if not operator.crawls
    for token in operator.tokens
    if (product := PRODUCT_TOKEN.fullmatch(token.rstrip("/")))
]
"""The names by which robots.txt allows bots everything."""


def is_preview_bot(user_agent: str) -> bool:
    """Return whether the User-Agent is one of a link-preview bot."""
    return _is_listed(user_agent[:MAX_USER_AGENT])


@lru_cache(maxsize=1024)  # the search takes longer than all other work before a cached response
def _is_listed(user_agent: str) -> bool:
    return user_agent in _WHOLE or _TOKENS.search(user_agent) is not None
