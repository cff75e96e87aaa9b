"""The result of a prediction at Replicate: its picture, or the error that its failure means.

A model's error is a sentence of its own, with a code of Replicate's in it if the platform failed or refused. These
words are as public issue threads and models' sources of 2022 to 2026 quote them; there is no complete list.
"""

import base64
import re
from typing import TYPE_CHECKING

from render_worker.engines.replicate.transport import quoted
from render_worker.errors import BadPicture, ContentRefused, EngineBusy, EngineError
from render_worker.outbound.download import PictureService, download

if TYPE_CHECKING:
    from replicate.prediction import Prediction

DOWNLOAD_SECONDS = 60.0
REFUSED = re.compile(
    r"\bnsfw\b|flagged as|\bE005\b|moderat|content polic|safety (filter|checker|system)", re.IGNORECASE
)
BUSY = re.compile(
    r"\bE00[34]\b|\bE6716\b|\bE8765\b|\bE9828\b|high demand|unavailable|interrupted|queue is full|^director:",
    re.IGNORECASE,
)
INLINE = re.compile(r"data:image/[a-z0-9.+-]{1,20};base64,")


def error_of_prediction(prediction: "Prediction", secrets: tuple[str, ...]) -> EngineError | None:
    """Return the error that an ended prediction means; None if it succeeded."""
    if prediction.status == "succeeded":
        return None
    if prediction.status == "canceled":
        return EngineError("Somebody or something at Replicate cancelled the picture's making.")
    error, message = prediction.error or "", quoted(prediction.error, secrets)
    if REFUSED.search(error):
        return ContentRefused(f"The model at Replicate refused to give such a picture{message}")
    if BUSY.search(error):
        return EngineBusy(f"Replicate could not run the model{message}")
    return EngineError(f"The model at Replicate could not make the picture{message}")


async def picture_of_output(output: object, origins: tuple[str, ...]) -> bytes:
    """Return the picture of a prediction's output: an address or a data: URL, or a list whose first counts.

    Raises BadPicture if there is none, and what `download` raises.
    """
    first = output[0] if isinstance(output, list) and output else output
    if not isinstance(first, str) or not first:
        raise BadPicture("missing", "Replicate ended the work without a picture.")
    if inline := INLINE.match(first):
        return _decoded(first[inline.end() :])
    return await download(first, PictureService("Replicate", origins), DOWNLOAD_SECONDS)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadPicture("broken", "The picture came in a text that is no base64.") from None
