"""The API tier with a real thread for each client: gunicorn's gthread, without gevent."""

worker_class = "gthread"
threads = 2600
worker_connections = 3500
timeout = 120
