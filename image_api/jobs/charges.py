"""What jobs were charged for, as far as this process knows: it is corrected once a job is final."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from uuid import UUID

from image_api.jobs.job import Job
from image_api.limits.payers import JobCharge
from render_worker.contract import GenerateResult

MAX_CHARGES = 10_000  # beyond which those of the oldest jobs stay as they are
MAX_FINAL = 100  # jobs that are remembered as final: one may be so before its charge is known here

log = logging.getLogger(__name__)


class JobCharges:
    """The charges of jobs that this process accepted. Thread-safe."""

    def __init__(self, find: Callable[[UUID], Job]) -> None:
        self._find = find
        self._charges: OrderedDict[UUID, JobCharge] = OrderedDict()
        self._final: deque[UUID] = deque(maxlen=MAX_FINAL)
        self._lock = threading.Lock()

    def keep(self, job_id: UUID, charge: JobCharge) -> None:
        """Correct a charge when its job is final."""
        with self._lock:
            self._charges[job_id] = charge
            if len(self._charges) > MAX_CHARGES:
                self._charges.popitem(last=False)
            is_final = job_id in self._final
        if is_final:
            self.settle(job_id)

    def settle(self, job_id: UUID) -> None:
        """Correct the charge of a job that is final, if it is known."""
        with self._lock:
            self._final.append(job_id)
            charge = self._charges.pop(job_id, None)
        if charge is None:
            return
        try:
            _settle(charge, self._find(job_id))
        except Exception:  # the job goes on as it is, and the charge stays
            log.exception("job %s: its charge could not be settled", job_id)


def _settle(charge: JobCharge, job: Job) -> None:
    """Charge for what was made; a job that was cancelled after an attempt had begun stays charged as it is."""
    if job.status == "canceled" and job.attempts:
        return
    results = [GenerateResult.model_validate(image) for image in job.images]
    charge.settle([result for result in results if not result.cached])
