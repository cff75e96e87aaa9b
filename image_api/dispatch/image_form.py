"""The form as which a request with an image travels to the render worker."""

import secrets
from collections.abc import Iterator

from image_api.errors import ApiError, InvalidParameter, UploadTooLarge
from image_api.sent_images import SentImage
from render_worker.contract import IMAGE_PART, REQUEST_PART

FORM = "multipart/form-data"
OLDER_WORKER = "The body is a multipart form."  # how a worker that knows no image begins its refusal
PART = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\nContent-Type: {}\r\n\r\n'


class ImageUnknownToWorker(InvalidParameter):
    """Raised if the render worker is of an older version, which takes no image to begin with."""

    def __init__(self) -> None:
        super().__init__(
            "image cannot be honoured by the render worker, which is of an older version; leave it out for now."
        )


class ImageForm:
    """A form of a JSON object and an image, whose pieces can be sent more than once."""

    def __init__(self, text: bytes, image: SentImage) -> None:
        boundary = secrets.token_hex(16)
        request = PART.format(boundary, REQUEST_PART, "", "application/json").encode()
        file = PART.format(boundary, IMAGE_PART, '; filename="image"', "application/octet-stream").encode()
        self.content_type = f"{FORM}; boundary={boundary}"
        self._head = request + text + b"\r\n" + file
        self._image = image
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self._image.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._image.pieces()
        yield self._tail


def refuses_images(error: ApiError) -> bool:
    """Return whether a worker's refusal of a form is that of an older version: of any form, or of a body so large."""
    body = error.body()
    return body.code == UploadTooLarge.code or body.error.startswith(OLDER_WORKER)
