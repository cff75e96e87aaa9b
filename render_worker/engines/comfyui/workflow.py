"""Workflows with placeholders, such as "{{seed}}" in place of a node's seed: read, checked and filled in.

What a workflow has no placeholder for, it does not honour. An input that is a placeholder alone gets the value in its
own type; within a longer text it is text. The picture is that of the one node that saves or shows a picture, or else of
the one that is titled {{output}}.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from render_worker.engines.capabilities import Capabilities
from render_worker.engines.comfyui.graphs import Graph
from render_worker.errors import EngineNotConfigured
from render_worker.sizes import SizeRange, Sizes

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
PARAMETERS = {
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "cfg": "guidance_scale",
    "steps": "steps",
    "image": "image",
    "denoise": "strength",
}
"""The request's parameters, by the placeholders that honour them."""
PLACEHOLDERS = frozenset({"prompt", "width", "height", "sampler", "scheduler", "model", *PARAMETERS})
OUTPUT_TITLE = "{{output}}"
BY_SOCKET, BY_FILE = "SaveImageWebsocket", "PreviewImage"  # the latter's file is in a folder that a start empties
OUTPUTS = frozenset({BY_SOCKET, BY_FILE, "SaveImage"})
MODEL_INPUTS = ("ckpt_name", "unet_name")
# Latents are of 8 by 8 pixels (EmptyLatentImage's step). The bounds are a guess: neither memory nor model is known.
SIZES = Sizes(((1024, 1024), (1216, 832), (832, 1216)), SizeRange(least=512, most=2048, step=8))


@dataclass(frozen=True)
class Workflow:
    """A workflow that was checked."""

    name: str
    """What errors call it: the name of its file."""
    graph: Graph
    output: str
    """The id of the node whose picture is taken."""
    places: frozenset[str]
    """Its placeholders."""

    @classmethod
    def read(cls, file: Path, *, of_image: bool = False) -> Self:
        """Return the workflow of a file, `of_image` if it begins with one. Raises EngineNotConfigured, with why."""
        try:
            graph = json.loads(file.read_bytes())
        except OSError as error:
            raise EngineNotConfigured(f"The workflow {file.name} cannot be read: {error.strerror}.") from None
        except (ValueError, RecursionError):
            raise EngineNotConfigured(f"The workflow {file.name} is no JSON.") from None
        return cls.of(file.name, graph, of_image=of_image)

    @classmethod
    def of(cls, name: str, graph: object, *, of_image: bool = False) -> Self:
        """Return the workflow that a graph is. Raises EngineNotConfigured, naming the node, if it is none."""
        checked = _checked(name, graph)
        places = frozenset(place for _, place in _places(checked))
        if problem := _problem(checked, places, of_image):
            raise EngineNotConfigured(f"The workflow {name} {problem}.")
        return cls(name, checked, _output(name, checked), places)

    @property
    def capabilities(self) -> Capabilities:
        """Return what it has places for."""
        honoured = [parameter for place, parameter in PARAMETERS.items() if place in self.places]
        return Capabilities.of(("previews", *honoured), SIZES if "width" in self.places else Sizes())

    @property
    def model(self) -> str | None:
        """Return the model that it names itself; None if it names none."""
        inputs = [node["inputs"].get(name) for node in self.graph.values() for name in MODEL_INPUTS]
        return next((name for name in inputs if isinstance(name, str) and not PLACEHOLDER.search(name)), None)

    def filled(self, values: Mapping[str, object], output: str) -> Graph:
        """Return the graph with values in their places; `output` is the class that its output has, if it may change."""
        graph = {
            node: {"class_type": it["class_type"], "inputs": _filled(it["inputs"], values)}
            for node, it in self.graph.items()
        }
        if self.graph[self.output]["class_type"] in OUTPUTS:
            images = self.graph[self.output]["inputs"].get("images")
            graph[self.output] = {"class_type": output, "inputs": {"images": images}}
        return graph

    @property
    def output_may_change(self) -> bool:
        """Return whether its output is a node that another one can stand in for."""
        return self.graph[self.output]["class_type"] in OUTPUTS


def _checked(name: str, graph: object) -> Graph:
    """Return the graph, if it is one. Raises EngineNotConfigured."""
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise EngineNotConfigured(f"The workflow {name} is not in API format: export it by Export (API).")
    if not isinstance(graph, dict) or not graph:
        raise EngineNotConfigured(f"The workflow {name} is no object of nodes.")
    for key, node in graph.items():
        fit = (
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
        )
        if not fit:
            raise EngineNotConfigured(f"The workflow {name} has a node {key} without class_type and inputs.")
        for field, value in node["inputs"].items():
            if _is_link(value) and value[0] not in graph:
                raise EngineNotConfigured(
                    f"The workflow {name} has no node {value[0]}, to which {field} of {_named(graph, key)} is linked."
                )
    return graph


def _problem(graph: Graph, places: frozenset[str], of_image: bool) -> str | None:
    """Return what is wrong with the placeholders; None if nothing is."""
    for node, place in _places(graph):
        if place not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            return f"has an unknown placeholder {{{{{place}}}}} in {_named(graph, node)}; there are {known}"
        if place == "image" and not of_image:
            return f"has {{{{image}}}} in {_named(graph, node)}, which belongs into COMFYUI_EDIT_WORKFLOW"
    if missing := {"prompt", *(["image"] if of_image else [])} - places:
        return f"has no {{{{{min(missing)}}}}} in any node"
    if ("width" in places) != ("height" in places):
        return "has only one of {{width}} and {{height}}"
    return None


def _output(name: str, graph: Graph) -> str:
    """Return the id of the output. Raises EngineNotConfigured if there is not exactly one."""
    titled = [node for node, it in graph.items() if _title(it) == OUTPUT_TITLE]
    found = titled or [node for node, it in graph.items() if it["class_type"] in OUTPUTS]
    if len(found) != 1:
        which = ", ".join(_named(graph, node) for node in found) or "none"
        raise EngineNotConfigured(
            f"The workflow {name} must have one node that saves or shows a picture, or title one {OUTPUT_TITLE}; "
            f"it has {which}."
        )
    return found[0]


def _title(node: dict[str, Any]) -> object:
    meta = node.get("_meta")
    return meta.get("title") if isinstance(meta, dict) else None


def _named(graph: Graph, node: str) -> str:
    return f"node {node} ({graph[node]['class_type']})"


def _is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _places(graph: Graph) -> Iterator[tuple[str, str]]:
    """Yield each node with a placeholder, and that."""
    for node, it in graph.items():
        for text in _texts(it["inputs"]):
            yield from ((node, place) for place in PLACEHOLDER.findall(text))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _filled(value: Any, values: Mapping[str, object]) -> Any:
    """Return an input with the values in their places; a value's own braces are no placeholders."""
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    alone = PLACEHOLDER.fullmatch(value)
    return values[alone[1]] if alone else PLACEHOLDER.sub(lambda place: str(values[place[1]]), value)
