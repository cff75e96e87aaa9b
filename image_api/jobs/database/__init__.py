"""The jobs' database: its connections, its tables, and writes in groups."""
