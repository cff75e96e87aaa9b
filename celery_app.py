"""The Celery app of `celery -A celery_app worker`, by the name that is usually tried."""

from render_worker.tasks import app

celery_app = app

__all__ = ["app", "celery_app"]
