"""The render worker: it owns the slow thing and turns a recipe into a stored picture."""
