"""Generations that come by a queue, as Celery delivers them."""
