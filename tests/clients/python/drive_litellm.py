"""litellm."""

from contextlib import ExitStack

import litellm
from calls import API_KEY, BASE_URL, serve

litellm.suppress_debug_info = True
CONNECTION = {"api_base": BASE_URL, "api_key": API_KEY, "max_retries": 0}


def generate(**options: object) -> dict:
    return litellm.image_generation(**CONNECTION, **options).model_dump()


def edit(image: list[str], **options: object) -> dict:
    with ExitStack() as files:
        opened = [files.enter_context(open(path, "rb")) for path in image]
        return litellm.image_edit(image=opened, **CONNECTION, **options).model_dump()


serve({"generate": generate, "edit": edit})
