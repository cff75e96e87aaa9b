"""What the errors of a family of routes with a format of its own have in common."""

from typing import Self

from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import ErrorBody


class ErrorFormat(ResponseModel):
    """An error in the shape that the clients of a family of routes know."""

    @classmethod
    def of(cls, body: ErrorBody, status: int, /) -> Self:
        """Return an error with its HTTP status in that shape."""
        raise NotImplementedError
