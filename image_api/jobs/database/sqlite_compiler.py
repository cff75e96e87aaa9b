"""SQLAlchemy's SQL for SQLite, with the index that a query names, and LIMIT without the OFFSET 0 of its own."""

from typing import Any

from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class HintingCompiler(SQLiteCompiler):
    """Writes INDEXED BY, and LIMIT alone, so that an OFFSET in any statement is a mistake to be found."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """Return the text of `with_hint`."""
        return text

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """Return the clause of a query, none of which has an offset."""
        return "\n LIMIT " + self.process(select._limit_clause, **kw)
