"""The dispatch by a queue: Celery carries the messages, Redis holds what is true of them."""
