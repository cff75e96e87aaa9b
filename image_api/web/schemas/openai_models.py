"""OpenAI's models: how they are listed, and what its own names mean here."""

import re
from collections.abc import Callable, Container
from typing import Literal, Self

from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import Model, ModelList, ModelSizes

AUTO = "auto"
OWNER = "image-api"
SHARED = {"sizes", "loaded", "loading", "size_bytes", "memory_mib", "simulated"}  # with /models
UNKNOWN_DATE = 0  # of a model; OpenAI's clients require a number
# Of OpenAI's own: those that are known, and those to come. Routers like litellm name the provider before them.
DALL_E = re.compile(r"(openai/)?dall-e-.+", re.IGNORECASE)
GPT_IMAGE = re.compile(r"(openai/)?(gpt|chatgpt)-image-.+", re.IGNORECASE)


def is_gpt_image(name: str) -> bool:
    """Return whether it is a name of OpenAI's GPT image models, which return pictures as base64 alone."""
    return GPT_IMAGE.fullmatch(name) is not None


def is_openai_name(name: str) -> bool:
    """Return whether it is a name of OpenAI's own image models."""
    return is_gpt_image(name) or DALL_E.fullmatch(name) is not None


def served_model(name: str, known: Callable[[], Container[str]]) -> str:
    """Return the model that serves a name: `auto` for OpenAI's own, unless it is among the names that `known` returns.

    `known` is called for names of OpenAI's alone.
    """
    if name.lower() == AUTO:
        return AUTO
    return AUTO if is_openai_name(name) and name not in known() else name


def stands_for_model(name: str, known: Callable[[], Container[str]]) -> bool:
    """Return whether a name is `auto`, one of OpenAI's own, or among the names that `known` returns."""
    return name.lower() == AUTO or is_openai_name(name) or name in known()


class OpenAIModel(ResponseModel):
    """A model as OpenAI's clients know it, and its state."""

    id: str
    object: Literal["model"] = "model"
    created: int = UNKNOWN_DATE
    owned_by: str = OWNER
    engine: str | None = None
    state: str
    description: str
    sizes: ModelSizes | None = None
    """As /models shows them."""
    loaded: bool | None = None
    """Of a model whose weights a render worker keeps itself, as /models shows this and the next three."""
    loading: bool | None = None
    size_bytes: int | None = None
    memory_mib: int | None = None
    simulated: bool | None = None

    @classmethod
    def auto(cls, engines: list[Model]) -> Self:
        """Return the model `auto`, which is as available as the best of these engines."""
        states = [it.state for it in engines]
        state = "ready" if "ready" in states else next(iter(states), "down")
        names = ", ".join(it.name for it in engines) or "none at the moment"
        simulated = all(it.simulated for it in engines) if engines else None
        description = f"Whichever can answer of: {names}."
        return cls(id=AUTO, state=state, description=description, simulated=simulated or None)


class OpenAIModelList(ResponseModel):
    """Every model, on the one page that there is."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]
    simulated: bool | None = None

    @classmethod
    def of(cls, known: ModelList) -> Self:
        """Return the render worker's models, `auto` first."""
        named = [
            OpenAIModel(
                id=it.name,
                engine=it.engine,
                state=it.state,
                description=it.description,
                **it.model_dump(include=SHARED),
            )
            for it in known.models
        ]
        auto = OpenAIModel.auto([it for it in known.models if it.answers_auto])
        return cls(data=[auto, *named], simulated=known.simulated)
