"""The rows of jobs as a transaction reads them at once, before its changes to each."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from image_api.jobs.database.tables import jobs


class SeenRows:
    """Rows that nothing has changed since they were read: each is taken once, by the change of its job."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[UUID, Row[Any]] = {}

    def look(self, ids: Collection[UUID]) -> None:
        """Read the rows of these jobs, and forget what was read before: other operations may have changed it."""
        found = self._connection.execute(select(jobs).where(jobs.c.id.in_(ids))) if ids else ()
        self._rows = {row.id: row for row in found}

    def take(self, job_id: UUID) -> Row[Any] | None:
        """Return a row; None if it was not read, or was taken before."""
        return self._rows.pop(job_id, None)

    def flush(self) -> None:
        """Write nothing: what was changed is written already."""
