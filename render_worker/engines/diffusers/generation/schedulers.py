"""The schedulers that requests may name, and which of them a model can use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from render_worker.engines.diffusers.models.layout import Layout
from render_worker.errors import InvalidParameter

KARRAS = {"use_karras_sigmas": True}
SDE = {"algorithm_type": "sde-dpmsolver++"}
MOST_STEPS = {"lcm": 50}  # its `original_inference_steps`, of which its own are a choice


@dataclass(frozen=True)
class SchedulerKind:
    """A class of diffusers, and its options beside the model's own configuration."""

    class_name: str
    options: Mapping[str, Any] = field(default_factory=dict)


# `lms` needs SciPy and `dpmpp_sde` torchsde, which are not among the engine's packages.
NOISE_SCHEDULERS = {
    "euler": SchedulerKind("EulerDiscreteScheduler"),
    "euler_karras": SchedulerKind("EulerDiscreteScheduler", KARRAS),
    "euler_a": SchedulerKind("EulerAncestralDiscreteScheduler"),
    "ddim": SchedulerKind("DDIMScheduler"),
    "ddpm": SchedulerKind("DDPMScheduler"),
    # Without it a model whose own scheduler is another takes 14 steps for 5.
    "pndm": SchedulerKind("PNDMScheduler", {"skip_prk_steps": True}),
    "heun": SchedulerKind("HeunDiscreteScheduler"),
    "kdpm2": SchedulerKind("KDPM2DiscreteScheduler"),
    "kdpm2_a": SchedulerKind("KDPM2AncestralDiscreteScheduler"),
    "dpmpp_2m": SchedulerKind("DPMSolverMultistepScheduler"),
    "dpmpp_2m_karras": SchedulerKind("DPMSolverMultistepScheduler", KARRAS),
    "dpmpp_2m_sde": SchedulerKind("DPMSolverMultistepScheduler", SDE),
    "dpmpp_2m_sde_karras": SchedulerKind("DPMSolverMultistepScheduler", {**SDE, **KARRAS}),
    "dpmpp_2s": SchedulerKind("DPMSolverSinglestepScheduler"),
    "unipc": SchedulerKind("UniPCMultistepScheduler"),
    "deis": SchedulerKind("DEISMultistepScheduler"),
    "lcm": SchedulerKind("LCMScheduler"),
}
FLOW_SCHEDULERS = {
    "euler": SchedulerKind("FlowMatchEulerDiscreteScheduler"),
    "heun": SchedulerKind("FlowMatchHeunDiscreteScheduler"),
    "lcm": SchedulerKind("FlowMatchLCMScheduler"),
}
_WITHOUT_SHIFT = {name: kind for name, kind in FLOW_SCHEDULERS.items() if name != "heun"}
"""Those that take a shift of their noise levels by the picture's size, as FLUX gives it."""
BY_LAYOUT: dict[Layout, Mapping[str, SchedulerKind]] = {
    Layout.SD1: NOISE_SCHEDULERS,
    Layout.SD2: NOISE_SCHEDULERS,
    Layout.SDXL: NOISE_SCHEDULERS,
    Layout.SD3: FLOW_SCHEDULERS,
    Layout.FLUX: _WITHOUT_SHIFT,
}
SYNONYMS = {"dpm2": "kdpm2", "dpm2_a": "kdpm2_a", "ddim_uniform": "ddim", "uni_pc": "unipc"}


def scheduler_name(layout: Layout, wish: str, steps: int) -> str:
    """Return the name here of a scheduler that a client names, in any case, or by its class in diffusers.

    Raises InvalidParameter if a model of that layout cannot use it, or not with so many steps.
    """
    names = BY_LAYOUT[layout]
    plain = wish.lower().replace("-", "_").replace("dpm++", "dpmpp").removeprefix("k_")
    by_class = (name for name, kind in names.items() if kind.class_name.lower() == plain)
    found = next(by_class, SYNONYMS.get(plain, plain))
    if found not in names:
        raise InvalidParameter(f"scheduler must be one of {', '.join(names)}, or left out.")
    if steps > MOST_STEPS.get(found, steps):
        raise InvalidParameter(f"steps must be at most {MOST_STEPS[found]} with the scheduler {found}.")
    return found


def make_scheduler(layout: Layout, name: str | None, own: Any) -> Any:
    """Return a new scheduler by a model's own, of its kind if `name` is None: each run changes its scheduler."""
    import diffusers

    if name is None:
        return type(own).from_config(own.config)
    kind = BY_LAYOUT[layout][name]
    return getattr(diffusers, kind.class_name).from_config(own.config, **kind.options)


def name_of(layout: Layout, scheduler: Any) -> str:
    """Return the name here of a model's own scheduler, that of its class if it has none."""
    class_name = type(scheduler).__name__
    alike = [(name, kind) for name, kind in BY_LAYOUT[layout].items() if kind.class_name == class_name]
    with_all = [
        name
        for name, kind in alike
        if all(scheduler.config.get(option) == value for option, value in kind.options.items())
    ]
    return with_all[-1] if with_all else next((name for name, _ in alike), class_name)
