"""The Celery app: `celery -A render_worker.tasks worker`."""
