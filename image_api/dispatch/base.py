"""What the generation needs of a dispatch, so that a queue can take the place of the direct request."""

from collections.abc import Callable
from typing import Protocol

from image_api.outbound.abort import Abort
from image_api.sent_images import SentImage
from render_worker.contract import GenerateRequest, GenerateResult, Progress

ReportProgress = Callable[[Progress], None]
"""Takes the progress of a generation as it comes."""


class Dispatch(Protocol):
    """The way of a generation to a render worker. Thread-safe."""

    def generate(
        self,
        request: GenerateRequest,
        report: ReportProgress,
        client: str | None = None,
        abort: Abort | None = None,
        image: SentImage | None = None,
        *,
        repeated: bool = False,
    ) -> GenerateResult:
        """Return the picture that a render worker made, within the request's `timeout_seconds`.

        `client` is the id of the client whose share of the worker the request counts against, if any; `image` is the
        one whose digest the request has. One that is `repeated` goes to the render worker that has it, if any. Raises
        an ApiError if there is no picture, which is ServiceBusy if `abort` is set meanwhile.
        """

    def cancel(self, request_id: str) -> None:
        """Have a render worker cancel a request, also one that has yet to reach it. Returns at once."""

    def stop(self) -> None:
        """End every wait for a worker: this service is being stopped."""
