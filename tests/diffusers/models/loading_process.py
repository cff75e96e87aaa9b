"""`python -m tests.diffusers.models.loading_process MODEL`: load a model as the engine does, in a process of its own.

It prints `loading`, and then the digest of a picture, or the error's sentence.
"""

import sys

from render_worker.engines.diffusers.models.process import prepare
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import WorkerError


def main(name: str) -> None:
    """Load a model by the settings of the environment."""
    settings = DiffusersSettings()
    prepare(settings)
    from render_worker.engines.diffusers.models.device import choose_device
    from render_worker.engines.diffusers.models.model_cache import ModelCache
    from render_worker.engines.diffusers.models.registry import ModelRegistry
    from tests.diffusers.pictures import picture_of

    cache = ModelCache(ModelRegistry(settings), choose_device(settings))
    sys.stdout.write("loading\n")
    try:
        sys.stdout.write(f"{picture_of(cache.load(name).result(100).pipe)}\n")
    except WorkerError as error:
        sys.stdout.write(f"{type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1])
