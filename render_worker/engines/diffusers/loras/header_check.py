"""Whether a LoRA fits a model, by the header of its file and the shapes of the model's layers: no tensor is read.

Without it diffusers loads nine of twenty LoRAs of other models in silence: what has a name that it knows, such as the
text encoder that SD 1, SDXL and FLUX share, changes the picture, and the rest is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from render_worker.engines.diffusers.loras.layer_names import Layers, layers_by_name
from render_worker.engines.diffusers.loras.module_shapes import Target
from render_worker.engines.diffusers.loras.problem import LoraProblem
from render_worker.engines.diffusers.loras.tensor_names import Part, parse_name, shortened
from render_worker.engines.diffusers.models.safetensors_header import Header, Tensor

NUMBERS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


@dataclass(frozen=True)
class LoraLayer:
    """One layer's part of a file."""

    name: str
    """As the file calls the layer."""
    rank: int
    down: str
    """A tensor's name."""
    up: str
    """A tensor's name."""
    alpha: str | None
    """A tensor's name; None if the file has none."""


@dataclass(frozen=True)
class Placement:
    """A layer's part of a file, and the model's layers that it is added to."""

    layer: LoraLayer
    targets: tuple[Target, ...]
    """Several if they share it: then the outputs of its `up` are theirs, one after the other."""


class ModelLayers:
    """The layers of a model, with which LoRAs are compared."""

    def __init__(self, targets: list[Target]) -> None:
        self._layers: Layers = layers_by_name(targets)

    def place(self, header: Header) -> list[Placement]:
        """Return which layers of the model a file's tensors are added to.

        Raises LoraProblem, with the first that does not fit, if any of them does not: a part of a LoRA makes pictures
        of a kind that it was not made for.
        """
        placements = [Placement(layer, self._targets(layer, header.tensors)) for layer in lora_layers(header)]
        _check_each_once(placements)
        return placements

    def has_all(self, header: Header) -> bool:
        """Return whether the model has every layer of a file, in its shape."""
        try:
            return bool(self.place(header))
        except LoraProblem:
            return False

    def _targets(self, layer: LoraLayer, tensors: Mapping[str, Tensor]) -> tuple[Target, ...]:
        """Return the model's layers of that name, if the tensors fit them."""
        targets = self._layers.get(layer.name)
        if targets is None:
            raise LoraProblem(f"the model has no {shortened(layer.name)}")
        down, up = tensors[layer.down].shape, tensors[layer.up].shape
        first = targets[0]
        outputs = sum(target.outputs for target in targets)
        for wanted, given in ((first.inputs, down[1]), (outputs, up[0])):
            if wanted != given:
                raise LoraProblem(f"{first.name} wants {wanted:,} there, the LoRA has {given:,}")
        if not _is_kernel(down[2:], first.kernel):
            raise LoraProblem(
                f"{first.name} wants a kernel of {_sides(first.kernel)} there, the LoRA has {_sides(down[2:])}"
            )
        return targets


def lora_layers(header: Header) -> list[LoraLayer]:
    """Return the parts of a file, by layer. Raises LoraProblem if it is no LoRA, or one that no model could have."""
    parts: dict[str, dict[Part, str]] = {}
    for name in header.tensors:
        layer, part = parse_name(name)
        if part in (found := parts.setdefault(layer, {})):
            raise LoraProblem(f"it has {shortened(layer)} twice")
        found[part] = name
    if not parts:
        raise LoraProblem("it is no LoRA: it has no tensors")
    return [_layer(name, found, header.tensors) for name, found in parts.items()]


def _layer(name: str, parts: Mapping[Part, str], tensors: Mapping[str, Tensor]) -> LoraLayer:
    for part, other in ((Part.DOWN, Part.UP), (Part.UP, Part.DOWN)):
        if part not in parts:
            raise LoraProblem(
                f"its {shortened(name)} has no {part.value}" + f" for its {other.value}" * (other in parts)
            )
    down, up, alpha = parts[Part.DOWN], parts[Part.UP], parts.get(Part.ALPHA)
    for tensor in filter(None, (down, up, alpha)):
        if tensors[tensor].dtype not in NUMBERS:
            raise LoraProblem(f"its {shortened(tensor)} is made of {tensors[tensor].dtype}, which is not supported")
    if alpha and tensors[alpha].numbers != 1:
        raise LoraProblem(f"its {shortened(alpha)} is no single number")
    return LoraLayer(name, _rank(name, tensors[down].shape, tensors[up].shape), down, up, alpha)


def _rank(name: str, down: tuple[int, ...], up: tuple[int, ...]) -> int:
    """Return the rank of a layer's two tensors. Raises LoraProblem if they do not belong together."""
    shapes_are_right = len(down) in (2, 4) and len(up) in (2, 4) and all(side == 1 for side in up[2:])
    if not shapes_are_right or down[0] != up[1] or 0 in (*down, *up):
        sides = " and ".join("×".join(map(str, shape)) or "a number" for shape in (down, up))
        raise LoraProblem(f"its {shortened(name)} has tensors that do not go together, of {sides}")
    return down[0]


def _is_kernel(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return whether a tensor's kernel fits; one of 1×1 is none at all, and files have it either way."""
    return given == wanted or all(side == 1 for side in (*given, *wanted))


def _sides(kernel: tuple[int, ...]) -> str:
    return "×".join(map(str, kernel)) or "1×1"


def _check_each_once(placements: list[Placement]) -> None:
    """Raise LoraProblem if two parts of a file are for one layer."""
    seen: set[Target] = set()
    for target in _all_targets(placements):
        if target in seen:
            raise LoraProblem(f"it has {target.name} twice, by two names")
        seen.add(target)


def _all_targets(placements: list[Placement]) -> Iterator[Target]:
    for placement in placements:
        yield from placement.targets
