"""Several pictures of one request: each with its index, those that failed too, and all of them as one result."""

from typing import Literal, Self

from image_api.errors import ApiError
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import ErrorBody, GenerateResult, Progress


class SessionProgress(Progress):
    """Progress in a WebSocket's session: only by it does the client learn by which id to cancel."""

    request_id: str | None = None


class IndexedProgress(SessionProgress):
    """Progress of one of the pictures."""

    index: int


class IndexedResult(GenerateResult):
    """One of the pictures."""

    index: int
    b64_json: str | None = None


class IndexedError(ErrorBody):
    """Why one of the pictures was not made."""

    index: int
    status: int

    @classmethod
    def of(cls, index: int, error: ApiError, visible: ErrorBody) -> Self:
        """Return an error, of which clients see the `visible` body, with its HTTP status."""
        return cls(**visible.model_dump(), index=index, status=error.status)


class PicturesResult(GenerateResult):
    """The first picture that was made, and beside its fields all of them."""

    images: list[IndexedResult]
    failed: list[IndexedError] | None = None

    @classmethod
    def of(cls, images: list[IndexedResult], failed: list[IndexedError], request_id: str) -> Self:
        """Return the result of a request for several pictures, of which at least one was made."""
        first = {**images[0].model_dump(exclude={"index", "b64_json"}), "request_id": request_id}
        return cls(**first, images=images, failed=failed or None)


class PictureLine(ResponseModel):
    """A message with one of the pictures."""

    event: Literal["picture"] = "picture"
    result: IndexedResult


class PictureErrorLine(ResponseModel):
    """A message about one that was not made."""

    event: Literal["picture_error"] = "picture_error"
    status: int
    error: IndexedError


class PicturesLine(ResponseModel):
    """The last message: all of them."""

    event: Literal["result"] = "result"
    result: PicturesResult
