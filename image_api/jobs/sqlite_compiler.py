"""SQLAlchemy's SQL for SQLite, without the OFFSET 0 that it adds to each LIMIT."""

from typing import Any

from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class PlainLimitCompiler(SQLiteCompiler):
    """Writes LIMIT alone, so that an OFFSET in any statement is a mistake to be found."""

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """Return the clause of a query, none of which has an offset."""
        return "\n LIMIT " + self.process(select._limit_clause, **kw)
