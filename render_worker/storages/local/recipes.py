"""The recipes of the folder's pictures, by their names: they outlive an eviction, so that a lost picture is made again.

A hidden SQLite file beside the pictures, readable by the worker's user alone. It is of bounded size: the recipes of
pictures that are cheap to make again go first, then the oldest. It is a convenience: no failure of it fails a picture.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from render_worker.contract import Recipe

FILE_NAME = ".recipes.db"
PAGE_BYTES = 4096
BUSY_SECONDS = 2.0
SCHEMA = "CREATE TABLE IF NOT EXISTS recipes (name TEXT PRIMARY KEY, recipe TEXT NOT NULL, cheap INTEGER NOT NULL)"
SAVE = "INSERT OR REPLACE INTO recipes VALUES (?, ?, ?)"  # which makes it the newest
# A quarter at once, so that not every picture has to evict.
EVICT = """DELETE FROM recipes WHERE rowid IN (
    SELECT rowid FROM recipes ORDER BY cheap DESC, rowid LIMIT (SELECT count(*) / 4 + 1 FROM recipes))"""

log = logging.getLogger(__name__)


class KeptRecipes:
    """The recipes of one folder. Safe to use from any thread and process."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Keep up to `max_bytes` of them; no file is opened yet."""
        self._path = folder / FILE_NAME
        self._max_pages = max(4, max_bytes // PAGE_BYTES)

    def save(self, name: str, recipe: Recipe, *, cheap: bool) -> None:
        """Keep the recipe of a picture; this never raises."""
        row = name, recipe.model_dump_json(exclude_none=True), cheap
        try:
            self._save(row)
        except (sqlite3.Error, OSError) as error:
            if self._remove_if_broken(error):
                self.save(name, recipe, cheap=cheap)
            else:
                log.warning("a picture's recipe was not kept: %s", error, extra={"kind": type(error).__name__})

    def find(self, name: str) -> Recipe | None:
        """Return the recipe of a picture; None if there is none, or if it cannot be read."""
        if not self._path.exists():
            return None
        try:
            with self._opened() as recipes:
                row = recipes.execute("SELECT recipe FROM recipes WHERE name = ?", (name,)).fetchone()
            return Recipe.model_validate_json(row[0]) if row else None
        except (sqlite3.Error, OSError, ValidationError) as error:
            log.warning("a picture's recipe cannot be read: %s", type(error).__name__)
            return None

    def erase(self, name: str) -> bool:
        """Erase the recipe of a picture, also its bytes in the file; return whether there was one.

        Raises OSError if the recipe cannot be erased.
        """
        if not self._path.exists():
            return False
        try:
            with self._opened() as recipes, recipes:
                return recipes.execute("DELETE FROM recipes WHERE name = ?", (name,)).rowcount > 0
        except sqlite3.Error as error:
            if self._remove_if_broken(error):
                return False
            raise OSError(None, f"the recipe in {FILE_NAME} cannot be erased") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as recipes:
            # Without a wait for the disk: after a power failure the file may be broken, and then begins anew.
            recipes.execute("PRAGMA synchronous = OFF")
            recipes.execute("PRAGMA secure_delete = ON")
            recipes.execute(f"PRAGMA max_page_count = {self._max_pages}")
            recipes.execute(SCHEMA)
            yield recipes

    def _save(self, row: tuple[str, str, bool]) -> None:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDONLY, 0o600))  # SQLite's own would be readable by all
        with self._opened() as recipes:
            try:
                with recipes:
                    recipes.execute(SAVE, row)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                with recipes:
                    recipes.execute(EVICT)
                with recipes:
                    recipes.execute(SAVE, row)

    def _remove_if_broken(self, error: Exception) -> bool:
        """Remove the file if its content is broken; return whether it was, and is removed."""
        if getattr(error, "sqlite_errorcode", None) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return not self._path.exists()
