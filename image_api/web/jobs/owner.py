"""Whose a job is: an account's, or with AUTH=none the machine's own, or a client's by its address."""

from image_api.auth.account import OPERATOR
from image_api.jobs.errors import JobNotFound
from image_api.jobs.job import OF_A_KEY, Job
from image_api.services import services
from image_api.web.access import current_account
from image_api.web.client_address import address_id, is_local
from image_api.web.disclosure import is_operator
from image_api.web.jobs.ids import parse_job_id

LOCAL = "local"
"""The owner of what the machine itself submits, and the holder of WORKER_TOKEN if AUTH is not none."""


def job_owner() -> str:
    """Return the owner of the current request's jobs. It stays the same when this service is started again."""
    if account := current_account():
        if account is OPERATOR:
            return LOCAL
        of_a_key = OF_A_KEY if account.allowance else ""
        return f"{of_a_key}{services().owner_ids.id_of(account.id)}"
    if is_local():
        return LOCAL
    return address_id()


def listed_owner() -> str | None:
    """Return the owner whose jobs the client may list; None if it may list none."""
    return job_owner() if current_account() or is_local() else None


def own_job(text: str) -> Job:
    """Return the job with an id that a client names: its own, with AUTH=none also one of no API key.

    Raises JobNotFound if it is no id, or that of another's job; and DatabaseUnavailable.
    """
    job = services().jobs.get(parse_job_id(text))
    is_open = services().authenticator is None and not job.owner.startswith(OF_A_KEY)
    if not (is_open or is_operator() or job.owner == job_owner()):
        raise JobNotFound
    return job
