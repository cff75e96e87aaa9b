"""The service's state as the page /status shows it, and as it is for programs."""

from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import VERSION


class EngineStatus(ResponseModel):
    """An engine's state, and the latency and success of its recent pictures."""

    name: str
    status: str
    median_seconds: float | None = None
    p90_seconds: float | None = None
    success_rate: float | None = None
    """From 0 to 1."""
    simulated: bool | None = None


class QueueStatus(ResponseModel):
    """Pictures that are being made, and requests that wait for that."""

    running: int
    waiting: int


class WorkerStatus(ResponseModel):
    """One of several render workers, by its number in PERCHANCE_WORKER_URL."""

    number: int
    status: str
    """As the service's."""
    last_contact: str | None = None


class ServiceStatus(ResponseModel):
    """The service's state. What is not known is left out."""

    status: str
    """up, resting, waking, asleep or down."""
    service: str = "image-api"
    version: str = VERSION
    median_seconds: float | None = None
    expected_seconds: int | None = None
    """In which it is up if it is woken."""
    engines: list[EngineStatus]
    queue: QueueStatus | None = None
    up_since: str | None = None
    last_contact: str | None = None
    workers: list[WorkerStatus] | None = None
    """Each render worker, if there are several; the other fields are of all."""
    simulated: bool | None = None
