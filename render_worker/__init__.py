"""The render worker: it owns the slow thing and turns a recipe into a stored picture."""

KEY = "worker"
"""Of `app.extensions`, which holds the Services; here, because gunicorn's master must not import the application."""
