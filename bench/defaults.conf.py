"""gunicorn as it is when nobody sets anything but where to listen, which the command line does."""
