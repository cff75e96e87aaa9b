"""The API tier's addresses, one module a family."""
