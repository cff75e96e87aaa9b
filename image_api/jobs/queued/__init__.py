"""Jobs that Celery workers make: the queue carries them, their rows in the database are what is true of them."""
