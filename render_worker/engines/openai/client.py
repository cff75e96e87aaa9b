"""The exchanges by which an endpoint makes a picture."""

import asyncio
import contextlib
import json
import re

import httpx

from render_worker.engines.base import Reporter
from render_worker.engines.openai.answers import Item, item_of, streamed_item
from render_worker.engines.openai.connection import Connection
from render_worker.engines.openai.refusals import error_of, refusal_in, refusal_of
from render_worker.engines.openai.requests import Fields
from render_worker.errors import EngineError, EngineNotConfigured, UnexpectedReply
from render_worker.imaging import SourcePicture
from render_worker.outbound.exchange import HttpService, Reply
from render_worker.outbound.privacy import repeatable

EVENT_STREAM = "text/event-stream"
GENERATIONS, EDITS = "images/generations", "images/edits"
ASYNCHRONOUS = {"X-ModelScope-Async-Mode": "true"}
TASK_TYPE = {"X-ModelScope-Task-Type": "image_generation"}
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
MAX_FAILED_LOOKS = 3  # in a row: the task goes on, and may be paid


class ImagesClient:
    """Asks one endpoint for one picture."""

    def __init__(
        self, connection: Connection, service: HttpService, client: httpx.AsyncClient, texts: tuple[str, ...]
    ) -> None:
        """Ask by `client`; `texts` are the request's, which no error repeats."""
        self._connection = connection
        self._service = service
        self._client = client
        self._secrets = (*connection.secrets, *texts)

    async def item(self, fields: Fields, image: SourcePicture | None, report: Reporter) -> Item:
        """Return the picture's part of the answer. Raises the error that the answer means."""
        connection, path = self._connection, EDITS if image else GENERATIONS
        async with contextlib.AsyncExitStack() as stack:
            reply = await stack.enter_async_context(
                self._service.opened(
                    "POST",
                    f"{connection.base}/{path}",
                    headers=self._headers,
                    client=self._client,
                    params=connection.query,
                    **_body(fields, image),
                )
            )
            if reply.is_success and reply.headers.get("content-type", "").startswith(EVENT_STREAM):
                return await streamed_item(reply, connection, report)
            document = await self._document(await self._service.whole(reply))
        return item_of(document, connection)

    async def task_item(self, fields: Fields, poll_seconds: float, report: Reporter) -> Item:
        """Return the picture's part of the answer to a task, which is polled until it ends."""
        submitted = await self._exchange("POST", GENERATIONS, ASYNCHRONOUS, json=fields)
        task = submitted.get("task_id")
        if not isinstance(task, str) or not TASK_ID.fullmatch(task):
            return item_of(submitted, self._connection)  # as if it were not asynchronous
        failures = 0
        while True:
            await asyncio.sleep(poll_seconds)
            try:
                state = await self._exchange("GET", f"tasks/{task}", TASK_TYPE)
            except EngineError as error:
                failures += 1
                error.unbilled = False  # it says nothing of the task
                if failures >= MAX_FAILED_LOOKS or error.service_blocked or isinstance(error, EngineNotConfigured):
                    raise
                report.setback(f"A look at the task failed: {error}")
                continue
            failures = 0
            if (item := self._item_of_state(state)) is not None:
                return item

    def _item_of_state(self, state: dict[str, object]) -> Item | None:
        """Return the picture's part of a task that succeeded; None if it goes on. Raises the error if it failed."""
        status, service = state.get("task_status"), self._connection.service
        if status == "SUCCEED":
            urls = state.get("output_images")
            return {"url": urls[0] if isinstance(urls, list) and urls else None}
        if status in ("PENDING", "PROCESSING", "RUNNING", "QUEUED"):
            return None
        if status in ("FAILED", "FAILURE", "CANCELED"):
            found = refusal_in({**state, "error": state.get("errors") or state.get("error")})
            raise error_of(found, service, self._model, self._secrets)
        raise UnexpectedReply(f"{service} told of a task's state that is not known: {repeatable(status)}.")

    @property
    def _model(self) -> str:
        return self._connection.model or "images API"

    @property
    def _headers(self) -> dict[str, str]:
        return self._connection.headers

    async def _exchange(self, method: str, path: str, headers: dict[str, str], **body: object) -> dict[str, object]:
        reply = await self._service.exchange(
            method,
            f"{self._connection.base}/{path}",
            headers={**self._headers, **headers},
            client=self._client,
            **body,
        )
        return await self._document(reply)

    async def _document(self, reply: Reply) -> dict[str, object]:
        """Return the JSON object of a reply. Raises the error that a refusal means."""
        if reply.is_success:
            return await asyncio.to_thread(reply.required_document)
        error = error_of(refusal_of(reply), self._connection.service, self._model, self._secrets)
        end = self._connection.known.end
        if isinstance(error, EngineNotConfigured) and end:
            raise EngineNotConfigured(f"{error} Its end was announced for {end}.")
        raise error


def _body(fields: Fields, image: SourcePicture | None) -> dict[str, object]:
    """Return the request's body as httpx takes it: JSON, or a form if there is a picture."""
    if image is None:
        return {"json": fields}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return {"data": texts, "files": {"image": ("image.png", image.data, "image/png")}}
