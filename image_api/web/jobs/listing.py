"""The list of the client's own jobs, page by page: each page begins after the last job of the one before."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, request

from image_api.errors import InvalidParameter
from image_api.generation.query_strings import query_pairs
from image_api.jobs.job import Job, Selection
from image_api.services import services
from image_api.web.jobs.owner import LOCAL, listed_owner
from image_api.web.jobs.views import job_body
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.jobs import JobPage, JobQuery

ID_BYTES, CHECK_BYTES = 16, 5
NOT_LISTED = (
    "Only the machine itself is shown its jobs, asked for as http://localhost and by no proxy: many clients may share"
    " one address. The status of any job can be asked for by its id."
)


def list_response() -> Response:
    """Return a page of the jobs that the client may list. Raises InvalidField, and InvalidParameter."""
    query = JobQuery.parse(query_pairs(request.query_string))
    before = _job_before(query.cursor) if query.cursor else None
    owner = listed_owner()
    if owner is None:
        return json_response(JobPage(jobs=[], hint=NOT_LISTED))
    which = Selection(owner, query.limit + 1, before, query.status, query.since_seconds, query.until_seconds)
    jobs = services().jobs.page(which)
    shown = jobs[: query.limit]
    following = _next_address(query, shown[-1]) if len(jobs) > len(shown) else None
    response = json_response(JobPage(jobs=[job_body(job) for job in shown], next=following))
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def _next_address(query: JobQuery, last: Job) -> str:
    fields = {**query.model_dump(exclude_unset=True), "cursor": _cursor(last.id)}
    return f"{base_url()}{services().settings.api_v1_prefix}/jobs?{urlencode(fields)}"


def _cursor(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes + _check(last.bytes)).decode()


def _job_before(cursor: str) -> UUID:
    """Return the id of the job that a page begins after. Raises InvalidParameter if the cursor is none of a page's."""
    try:
        content = urlsafe_b64decode(cursor)
    except ValueError:
        content = b""
    job_id, check = content[:ID_BYTES], content[ID_BYTES:]
    if check != _check(job_id) or urlsafe_b64encode(content) != cursor.encode():
        raise InvalidParameter("cursor must be that of the next address of a page, unchanged, or left out.")
    return UUID(bytes=job_id)


def _check(job_id: bytes) -> bytes:
    """Return by what a cursor is told from one that was mistyped. It protects nothing: a page has the owner's alone."""
    return hashlib.sha256(LOCAL.encode() + job_id).digest()[:CHECK_BYTES]
