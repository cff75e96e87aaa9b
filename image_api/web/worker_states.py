"""What responses tell of each of several render workers: by its number, because addresses are the operator's."""

from flask import g

from image_api.dispatch.recent_contact import LastKnown
from image_api.dispatch.worker_client import WorkerClient
from image_api.services import services
from image_api.web.disclosure import visible_models
from image_api.web.schemas.health import LastKnownWorker, NumberedWorker
from image_api.web.schemas.models import Models, WorkerModels
from render_worker.contract import ModelList


def last_known_worker() -> LastKnownWorker:
    """Return the best of the workers' states at their last contact."""
    return LastKnownWorker(**_state(services().worker.last_known))


def numbered_workers() -> list[NumberedWorker] | None:
    """Return each worker's state at its last contact; None if there is one alone."""
    clients = services().worker.each
    return [NumberedWorker(number=it.number, **_state(it.last_known)) for it in clients] if len(clients) > 1 else None


def models_of_workers() -> Models:
    """Return the models of all workers, as far as this client may see them, and which of several render workers has
    which, if they make the pictures.

    Raises an ApiError if none answers.
    """
    known = visible_models(services().worker.models(g.client))
    clients = () if services().queue else services().worker.each
    workers = [_models_of(client) for client in clients] if len(clients) > 1 else None
    return Models(models=known.models, simulated=known.simulated, workers=workers)


def _models_of(client: WorkerClient) -> WorkerModels:
    known = None if client.recent.is_lost else client.recent.last(ModelList)
    names = [model.name for model in known.models] if known else None
    return WorkerModels(number=client.number, models=names, **_state(client.last_known))


def _state(known: LastKnown | None) -> dict[str, str]:
    return {"status": known.status, "at": known.at} if known else {}
