"""The document of this API, OpenAPI 3.1, made of what the views wear (`web/api.py`)."""
