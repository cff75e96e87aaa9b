"""gunicorn's settings for the sandbox: `gunicorn -c sandbox/gunicorn.conf.py`."""

from sandbox.settings import load

wsgi_app = "sandbox.app:create_app()"
settings = load()
# Loopback only: a client that reaches it decides what it answers.
bind = [f"127.0.0.1:{port}" for port in (settings.sandbox_port, settings.sandbox_upload_port)]
workers = 1  # its memory is one process's
worker_class = "gthread"
threads = 64
limit_request_line = 8190  # Pollinations' prompts are a part of an address
timeout = 120
graceful_timeout = 1  # a client that still waits for a picture here waits for a hang that a test plays
keepalive = 60
control_socket_disable = True  # it would lie in the home folder, shared by every gunicorn of this user
errorlog = "-"
loglevel = "warning"
