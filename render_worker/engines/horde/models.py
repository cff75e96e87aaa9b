"""AI Horde's models: which of them lift its limit of size for requests without kudos, and what they need.

Without kudos its server allows a size that shrinks as its queue grows, and 1024x1024 in any case if one of the named
models is SDXL, Stable Cascade or Flux.1; but no more steps than each of the named models allows. So says
`require_upfront_kudos` in horde/classes/stable/waiting_prompt.py of https://github.com/Haidra-Org/AI-Horde, at fbd5ed4
of August 2026. Which model is what says stable_diffusion.json of
https://github.com/Haidra-Org/AI-Horde-image-model-reference, at 46fdd9e of June 2026.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ROWS = 2000  # of its list of models; it had some 160 known ones in 2026
MAX_NAME = 100
SPECIAL = "::"  # in the names of models for some users alone
MAX_MODELS = 8  # it counts an anonymous request that waits once for each of its models against the limit of all
MAX_STEPS = 40  # of a model that says nothing else
SMALL_PIXELS = 768 * 768  # on more, models before SDXL paint things twice

LARGE = re.compile(r"XL(?![a-z])|Stable Cascade|Flux\.1|\[Flux\]")
LARGE_NAMES = frozenset({"Fustercluck", "Mistoon Anime", "Cheyenne", "Ultraspice", "BigASP", "NatViS", "Hidden Canvas"})
ONE_STYLE = re.compile("pony|nsfw|furry|hentai|yiff|anim|illustrious|noob|waifu|hassaku|inpaint|pix2pix|depth", re.I)
"""Models of one style, of what is not made here, or of pictures that begin with one."""
FEW_STEPS = re.compile("turbo|lightning|schnell|hyper|lcm|flux|z-?image|qwen", re.IGNORECASE)
FEW_MAX_STEPS = 8  # Flux.1-Schnell's
FEW_MAX_GUIDANCE = 4.0  # of it too: more burns the picture
OF_ITS_OWN_STEPS = {"Stable Cascade 1.0": 30, "DreamShaper XL": 6}


@dataclass(frozen=True)
class ModelChoice:
    """Models that may answer a request, and what they all allow."""

    names: tuple[str, ...]
    steps: int
    max_guidance: float | None = None


def names_with_workers(rows: Sequence[object]) -> tuple[str, ...]:
    """Return the models of its list that machines run now, those of most machines first."""
    found = [(-count, name) for row in rows[:MAX_ROWS] for name, count in _model(row)]
    return tuple(dict.fromkeys(name for _, name in sorted(found, key=lambda it: it[0])))


def _model(row: object) -> list[tuple[str, float]]:
    """Return the name and the number of threads of a row; nothing if it is no model of pictures that runs now."""
    if not isinstance(row, dict) or row.get("type", "image") != "image":
        return []
    name, count = row.get("name"), row.get("count")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or SPECIAL in name or not name.isprintable():
        return []
    return [(name, count)] if isinstance(count, int | float) and count > 0 else []


def without_kudos(names: Sequence[str], steps: int, pixels: int) -> ModelChoice | None:
    """Return those of the models by which a request of so many steps and pixels is allowed most without kudos.

    A model for fewer steps is chosen, with as many as it allows, only if no other lifts the limit. Returns None if
    none does.
    """
    large = sorted(filter(_is_large, names), key=lambda name: bool(ONE_STYLE.search(name)))
    fitting = [name for name in large if _max_steps(name) >= steps]
    if fitting:
        plain = [name for name in fitting if not ONE_STYLE.search(name)] or fitting
        small = [name for name in names if _is_plain_small(name) and pixels <= SMALL_PIXELS]
        return ModelChoice(tuple([*plain, *small][:MAX_MODELS]), steps)
    if not large:
        return None
    most = max(large, key=_max_steps)
    steps = _max_steps(most)
    return ModelChoice((most,), steps, FEW_MAX_GUIDANCE if steps <= FEW_MAX_STEPS else None)


def _is_large(name: str) -> bool:
    return bool(LARGE.search(name)) or name in LARGE_NAMES


def _is_plain_small(name: str) -> bool:
    return not (_is_large(name) or ONE_STYLE.search(name) or FEW_STEPS.search(name))


def _max_steps(name: str) -> int:
    return OF_ITS_OWN_STEPS.get(name) or (FEW_MAX_STEPS if FEW_STEPS.search(name) else MAX_STEPS)
