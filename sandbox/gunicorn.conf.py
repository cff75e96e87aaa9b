"""gunicorn's settings for the sandbox: `SANDBOX_PORT=8002 gunicorn -c sandbox/gunicorn.conf.py`."""

from sandbox.settings import Settings

wsgi_app = "sandbox.app:create_app()"
bind = f"127.0.0.1:{Settings().sandbox_port}"  # loopback only: whoever reaches it decides what it answers
workers = 1  # its memory is one process's
worker_class = "gthread"
threads = 64
timeout = 120
graceful_timeout = 1  # who still waits for a picture here waits for a hang that a test asked for
keepalive = 60
control_socket_disable = True  # it would lie in the home folder, shared by every gunicorn of this user
errorlog = "-"
loglevel = "warning"
