"""A picture itself as the answer, under a name that says what it shows."""

import re
import unicodedata
from urllib.parse import quote

from flask import Response, g

from image_api.errors import PictureDeleted, PictureUnavailable
from image_api.generation.progress_stream import GenerationResponse
from image_api.remote_pictures import PictureContent
from image_api.services import services
from image_api.web.bodies import sent
from image_api.web.client_connection import waiter
from image_api.web.responses import absolute
from render_worker.contract import IMAGE_TYPES, GenerateResult

MAX_NAME = 60
BETWEEN_WORDS = re.compile(r"[\W_]+")
ENDINGS = {kind: f".{ending}" for ending, kind in IMAGE_TYPES.items()}


def picture(made: GenerationResponse, base: str) -> Response:
    """The picture's bytes; Content-Location has the address at which it is kept."""
    result, content = _opened(made)
    answer = sent(content, 200, result.content_type)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Location"] = absolute(result.image_url, base)
    answer.headers["X-Engine"] = result.engine
    if result.seed is not None:
        answer.headers["X-Seed"] = str(result.seed)
    answer.headers.set("Content-Disposition", "inline", **_names(file_name(result)))
    return answer


def file_name(result: GenerateResult) -> str:
    """For whoever saves it: the prompt's words and, where it is known, the seed."""
    words = BETWEEN_WORDS.sub("-", result.prompt).strip("-").lower()[:MAX_NAME].rstrip("-")
    seed = "" if result.seed is None else f"-{result.seed}"
    return f"{words or 'picture'}{seed}{ENDINGS.get(result.content_type, '')}"


def _names(name: str) -> dict[str, str]:
    """A header's letters are ASCII; others are said in a form of their own, https://www.rfc-editor.org/rfc/rfc6266."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lstrip("-")
    return {"filename": plain} if plain == name else {"filename": plain, "filename*": f"UTF-8''{quote(name)}"}


def opened(result: GenerateResult) -> PictureContent:
    """The picture's bytes, as from Pictures; one that was deleted is forgotten, so that nobody is given its address."""
    try:
        return services().pictures.open(result)
    except PictureDeleted:
        services().generation.forget(result.image_url)
        raise


def _opened(made: GenerationResponse) -> tuple[GenerateResult, PictureContent]:
    try:
        return made.result, opened(made.result)
    except PictureUnavailable as error:
        known = made.source == "HIT" and error.gone
        again = services().generation.regenerate(made.result.image_url, g.request_id, waiter()) if known else None
        if again is None:
            raise
        return again, opened(again)
