"""The API tier with a real thread for each caller: gunicorn's gthread, and nothing of gevent."""

worker_class = "gthread"
threads = 2600
worker_connections = 3500
timeout = 120
