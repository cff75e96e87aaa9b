"""What a model's modules take and return: what a LoRA's tensors are compared with. PyTorch is not imported."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

COMPONENTS = ("unet", "transformer", "text_encoder", "text_encoder_2")
"""The parts of a pipeline that a LoRA can change."""


class Module(Protocol):
    """A module of PyTorch, as far as its shape is asked for."""

    def named_modules(self) -> Iterable[tuple[str, Any]]:
        """Return every module in it with its name, itself included."""


@dataclass(frozen=True)
class Target:
    """A linear or convolutional layer of a model."""

    component: str
    """One of COMPONENTS."""
    module: str
    """Its name in the component."""
    outputs: int
    inputs: int
    kernel: tuple[int, ...] = ()
    """Height and width of a convolution's kernel; empty for a linear layer."""

    @property
    def name(self) -> str:
        """Return its name in the pipeline."""
        return f"{self.component}.{self.module}"


def components_of(pipe: object) -> dict[str, Module]:
    """Return the parts of a pipeline that a LoRA can change; T5, FLUX's second text encoder, is none."""
    parts = {name: getattr(pipe, name, None) for name in COMPONENTS}
    return {name: part for name, part in parts.items() if part is not None and not type(part).__name__.startswith("T5")}


def targets_of(components: Mapping[str, Module]) -> list[Target]:
    """Return every layer that a LoRA can change; to be asked before one was added."""
    return [target for name, part in components.items() for target in _layers(name, part)]


def _layers(component: str, part: Module) -> Iterator[Target]:
    for name, module in part.named_modules():
        if hasattr(module, "in_features"):
            yield Target(component, name, module.out_features, module.in_features)
        elif hasattr(module, "kernel_size") and module.groups == 1:
            yield Target(component, name, module.out_channels, module.in_channels, tuple(module.kernel_size))
