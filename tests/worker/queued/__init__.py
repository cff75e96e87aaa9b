"""Tests of Celery workers, with a real Redis and real processes."""
