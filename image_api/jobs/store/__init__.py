"""The jobs in their database: what is submitted, read, listed, cancelled and deleted."""
