"""The migrations of the jobs' database, by Alembic: one history for SQLite and PostgreSQL.

`alembic` at the repository's root uses it by alembic.ini; this service runs the folder as a program of its own.
"""
