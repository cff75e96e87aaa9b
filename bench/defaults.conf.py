"""gunicorn's defaults; the command line sets the address to listen on."""
