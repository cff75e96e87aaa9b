"""A LoRA in memory, and how it is added to a model's layers.

It is added by a hook on each layer, which the layers do not know of: so the model is never changed, and without the
hooks its pictures are the same to the byte. Nothing here makes a module of PyTorch, as peft does: that is what may not
happen while another thread loads a model (models/loader.py).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch.nn.functional import conv2d, linear

from render_worker.engines.diffusers.loras.header_check import LoraLayer, Placement
from render_worker.engines.diffusers.loras.module_shapes import Module, Target
from render_worker.engines.diffusers.loras.problem import LoraProblem
from render_worker.engines.diffusers.loras.scales import Scales, scales_of
from render_worker.engines.diffusers.models.safetensors_header import Header


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """What is added to one layer: `up × down`, times `scale`."""

    target: Target
    down: torch.Tensor
    up: torch.Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA in memory, for the model that it was loaded for."""

    layers: tuple[LayerWeights, ...]

    def attach(self, components: Mapping[str, Any], scale: float) -> "Attached":
        """Add it to a model's layers, times `scale`, until it is detached."""
        handles = [
            components[layer.target.component]
            .get_submodule(layer.target.module)
            .register_forward_hook(_hook(layer, layer.scale * scale))
            for layer in self.layers
        ]
        return Attached(handles)


class Attached:
    """An adapter that is added to a model at the moment."""

    def __init__(self, handles: list[Any]) -> None:
        self._handles = handles

    def detach(self) -> None:
        """Leave the model as it was."""
        for handle in self._handles:
            handle.remove()


def _hook(layer: LayerWeights, scale: float) -> Any:
    """Return the hook that adds to a layer's output."""
    down, up = layer.down, layer.up
    if not layer.target.kernel:
        return lambda module, args, output: output + linear(linear(args[0], down), up) * scale

    def add_convolution(module: Any, args: tuple[Any, ...], output: Any) -> Any:
        inner = conv2d(args[0], down, None, module.stride, module.padding, module.dilation)
        return output + conv2d(inner, up) * scale

    return add_convolution


def read_adapter(
    path: Path, header: Header, placements: Iterable[Placement], components: Mapping[str, Module], device: Any
) -> Adapter:
    """Return a LoRA of a file whose header fits the model, on the device and of the numbers that its layers are of.

    The file is read as a whole: one that is replaced or cut off later changes no picture. Raises LoraProblem if it is
    not what its header said a moment ago, or has values that are no numbers.
    """
    tensors = _tensors(path, header)
    scales = scales_of(header.metadata)
    layers: list[LayerWeights] = []
    for placement in placements:
        layers += _placed(placement, tensors, scales, components, device)
    return Adapter(tuple(layers))


def _tensors(path: Path, header: Header) -> dict[str, torch.Tensor]:
    try:
        tensors = safetensors.torch.load(path.read_bytes())
    except OSError as error:
        raise LoraProblem(f"it cannot be read ({error.strerror or type(error).__name__})") from error
    except safetensors.SafetensorError as error:
        raise LoraProblem("it was changed while it was read, or is broken") from error
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != {name: tensor.shape for name, tensor in header.tensors.items()}:
        raise LoraProblem("it was changed while it was read")
    return dict(tensors)


def _placed(
    placement: Placement,
    tensors: Mapping[str, torch.Tensor],
    scales: Mapping[str, Scales],
    components: Mapping[str, Any],
    device: Any,
) -> list[LayerWeights]:
    """Return what is added to each layer of a placement."""
    layer = placement.layer
    ups = tensors[layer.up].split([target.outputs for target in placement.targets])
    found = []
    for target, up in zip(placement.targets, ups, strict=True):
        numbers = components[target.component].get_submodule(target.module).weight.dtype
        down, up = (_converted(it, numbers, device, layer) for it in (tensors[layer.down], up))
        kernel = target.kernel or ()
        found.append(
            LayerWeights(
                target,
                down.reshape(layer.rank, target.inputs, *kernel),
                up.reshape(target.outputs, layer.rank, *(1 for _ in kernel)),
                _scale(layer, tensors, scales[target.component], target),
            )
        )
    return found


def _converted(tensor: torch.Tensor, numbers: torch.dtype, device: Any, layer: LoraLayer) -> torch.Tensor:
    converted = tensor.to(device=device, dtype=numbers, copy=True)
    if not torch.isfinite(converted).all():
        raise LoraProblem(f"its {layer.name} has values that are no finite numbers")
    return converted


def _scale(layer: LoraLayer, tensors: Mapping[str, torch.Tensor], scales: Scales, target: Target) -> float:
    """Return the weight that the training gave a layer: by the file's tensor, else by its metadata."""
    if layer.alpha is None:
        return scales.of(target, layer.rank)
    alpha = float(tensors[layer.alpha].float().item())
    if not math.isfinite(alpha):
        raise LoraProblem(f"its {layer.alpha} is no finite number")
    return alpha / layer.rank
