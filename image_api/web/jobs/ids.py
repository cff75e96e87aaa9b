"""Ids of jobs as clients write them."""

import re
from uuid import UUID

from image_api.jobs.errors import JobNotFound

# Not all that Python's UUID accepts: that takes hyphens anywhere, braces, underscores and the digits of any script.
JOB_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def parse_job_id(text: str) -> UUID:
    """Return an id, in any case, with its hyphens or without. Raises JobNotFound if it is none."""
    if not JOB_ID.fullmatch(text):
        raise JobNotFound
    return UUID(text)
