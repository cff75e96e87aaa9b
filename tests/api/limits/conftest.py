"""A database of credentials of either kind."""

from tests.api.jobs.conftest import migrated, migrated_database, migrated_url, queue

__all__ = ["migrated", "migrated_database", "migrated_url", "queue"]
