"""The models as /models returns them."""

from image_api.web.schemas.health import NumberedWorker
from render_worker.contract import ModelList


class WorkerModels(NumberedWorker):
    """One of several render workers, and the names of its models."""

    models: list[str] | None = None
    """None if it was not heard of since this service started, or does not answer."""


class Models(ModelList):
    """The names that `model` accepts, of all render workers."""

    workers: list[WorkerModels] | None = None
    """Each render worker, if there are several."""
