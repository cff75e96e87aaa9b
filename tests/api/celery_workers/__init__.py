"""What clients see of Celery workers, from reports in a real Redis."""
