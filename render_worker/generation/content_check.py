"""NSFW=refuse: a picture that its engine takes for one that is not safe for work is refused."""

from render_worker.engines.base import Engine, GeneratedImage
from render_worker.errors import ContentRefused


class NsfwRefused(ContentRefused):
    """Raised if the engine flags its picture and NSFW is refuse: it is not stored, and no other engine is asked."""

    code = "nsfw_refused"
    hint = "Change the prompt."


def check_content(engine: Engine, image: GeneratedImage) -> None:
    """Raise NsfwRefused if the engine flags its image."""
    if image.nsfw:
        raise NsfwRefused(f"{engine.name} says that its picture is not safe for work; this service refuses those.")
