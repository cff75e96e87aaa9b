"""The one use case: validate what the caller asks for, have it made, return the result. It knows no Flask."""

import re
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

from pydantic import Field

from image_api.dispatch.direct import DirectDispatch
from image_api.errors import DeadlinePassed, Stopping
from render_worker.contract import GenerateRequest, GenerateResult, InvalidField, Recipe

INTEGER = re.compile(r"-?[0-9]{1,12}")
NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?")
MAX_QUERY_FIELDS = 100
GRACE_SECONDS = 4.0  # the dispatch has a deadline of its own, whose sentence says more


class Wanted(Recipe):
    """What a caller of /generate can say."""

    format: Literal["json", "redirect"] | None = Field(None, description="json or redirect")

    @classmethod
    def parse_query(cls, query: bytes) -> Self:
        """Read the part of an address behind the question mark; InvalidField as in `parse`."""
        # What is no UTF-8 becomes lone surrogates, which the field's own check refuses by name.
        text = query.decode(errors="surrogateescape")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS)
        except ValueError:
            raise InvalidField(f"The query must have at most {MAX_QUERY_FIELDS} parameters.") from None
        return cls.parse((name, cls._typed(name, text)) for name, text in pairs)

    @classmethod
    def _typed(cls, name: str, text: str) -> object:
        kind = cls.model_fields[name].annotation if name in cls.model_fields else str
        if kind is int and INTEGER.fullmatch(text):
            return int(text)
        if kind is float and NUMBER.fullmatch(text):
            return float(text)
        return text  # no number: the field's own check says what it wants


class Generation:
    """Makes pictures for callers, each within one deadline."""

    def __init__(self, dispatch: DirectDispatch, timeout_seconds: float) -> None:
        self._dispatch = dispatch
        self._timeout_seconds = timeout_seconds
        self._stopping: Future[None] = Future()

    def generate(self, wanted: Wanted, request_id: str) -> GenerateResult:
        """Have one picture made; an ApiError says why there is none."""
        request = GenerateRequest(
            **wanted.model_dump(exclude={"format"}), request_id=request_id, timeout_seconds=self._timeout_seconds
        )
        making: Future[GenerateResult] = Future()
        threading.Thread(target=self._make, args=(making, request), name=request_id, daemon=True).start()
        either: tuple[Future[Any], ...] = (making, self._stopping)
        wait(either, self._timeout_seconds + GRACE_SECONDS, FIRST_COMPLETED)
        if making.done():
            return making.result()
        if self._stopping.done():
            raise Stopping("This service is being stopped.")
        raise DeadlinePassed(f"There was no answer within {self._timeout_seconds:g} seconds.")

    def stop(self) -> None:
        """Let nobody wait any longer: whoever still does is told that this service is being stopped."""
        self._dispatch.stop()
        if not self._stopping.done():  # a second SIGTERM
            self._stopping.set_result(None)

    def _make(self, making: "Future[GenerateResult]", request: GenerateRequest) -> None:
        # In a thread of its own, because a wait for the worker's answer cannot be ended from outside.
        try:
            making.set_result(self._dispatch.generate(request))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the picture
            making.set_exception(error)
