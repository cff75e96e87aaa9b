"""The response to the cancellation of a request."""

from typing import Literal

from image_api.generation.cancellation import CancelStatus
from image_api.web.schemas.response_model import ResponseModel


class Cancellation(ResponseModel):
    """What a cancellation came to. It is `left` if a picture goes on, for other requests that wait for it as well."""

    success: Literal[True] = True
    request_id: str
    status: CancelStatus
