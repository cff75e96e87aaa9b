"""The options in a WebSocket's message, in the names of POST /generate or in those of POST /v1/txt2img."""

from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import PrivateAttr

from image_api.generation.options import GenerationOptions
from image_api.web.parameter_names import in_client_words, in_own_names
from render_worker.contract import InvalidField


class MessageOptions(GenerationOptions):
    """The options of one generation, and by which other names the client gave them."""

    _names: Mapping[str, str] = PrivateAttr({})

    @property
    def names(self) -> Mapping[str, str]:
        """Return the names that the client used in place of ours, by those."""
        return self._names

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the options of name-value pairs. Raises InvalidField as GenerationOptions, in the client's names."""
        pairs, used = in_own_names(pairs)
        try:
            options = super().parse(pairs)
        except InvalidField as error:
            raise InvalidField(in_client_words(str(error), used)) from None
        options._names = used
        return options
