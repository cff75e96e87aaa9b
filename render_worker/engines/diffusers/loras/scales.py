"""The weights that a LoRA's training gave its layers: `alpha`, as the metadata of diffusers' own files has it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from render_worker.engines.diffusers.loras.module_shapes import COMPONENTS, Target
from render_worker.engines.diffusers.loras.problem import LoraProblem

KEY = "lora_adapter_metadata"


@dataclass(frozen=True)
class Scales:
    """What the metadata says of the layers of one component."""

    alpha: float | None = None
    by_square_root: bool = False
    """Whether alpha is divided by the rank's square root, and not by the rank (rsLoRA)."""
    patterns: Mapping[str, float] = field(default_factory=dict)
    """Alphas of some layers, by the ends of their names."""

    def of(self, target: Target, rank: int) -> float:
        """Return the weight of a layer of that rank."""
        alpha = next((it for end, it in self.patterns.items() if _ends_with(target.module, end)), self.alpha)
        if alpha is None:
            return 1.0
        return alpha / math.sqrt(rank) if self.by_square_root else alpha / rank


def scales_of(metadata: Mapping[str, str]) -> dict[str, Scales]:
    """Return what a file's metadata says, by component. Raises LoraProblem if that cannot be read."""
    if KEY not in metadata:
        return dict.fromkeys(COMPONENTS, Scales())
    try:
        values = json.loads(metadata[KEY])
        return {component: _scales(values, component) for component in COMPONENTS}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise LoraProblem(f"its metadata {KEY} is broken") from error


def _scales(values: dict[str, Any], component: str) -> Scales:
    alpha = values.get(f"{component}.lora_alpha")
    patterns = values.get(f"{component}.alpha_pattern") or {}
    return Scales(
        alpha=None if alpha is None else _finite(alpha),
        by_square_root=values.get(f"{component}.use_rslora") is True,
        patterns={str(name).removeprefix("^"): _finite(value) for name, value in patterns.items()},
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _ends_with(module: str, end: str) -> bool:
    """Return whether a layer's name is `end`, or ends with it after a dot; peft's patterns may have escaped dots."""
    plain = re.sub(r"\\(.)", r"\1", end)
    return module == plain or module.endswith(f".{plain}")
