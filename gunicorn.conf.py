"""gunicorn's settings for the API tier; `gunicorn app:app` reads them by itself.

gunicorn's defaults, one synchronous worker that is killed after 30 seconds, would serve one caller at a time and
lose every slow picture.
"""

import logging
import signal
import socket
import struct
import threading

import gunicorn.http.message

from image_api.settings import load

STOP_SECONDS = 3  # what an answer takes to be given once waiting is over

settings = load()
bind = f"{settings.host}:{settings.port}"
workers = 1  # what was last heard of the worker, and the connections to it, are kept in one process
worker_class = "gthread"
threads = settings.threads  # one for each caller who waits; they are made when they are needed
worker_connections = settings.threads + 1000
timeout = 120  # of the process itself, which a slow machine may keep from coming up; no limit of a request
graceful_timeout = settings.graceful_timeout_seconds + STOP_SECONDS
forwarded_allow_ips = ""  # TRUSTED_PROXIES says whose word is believed; gunicorn would believe anybody on loopback
control_socket_disable = True  # it would lie in the home folder, shared by every gunicorn of this user
errorlog = "-"
loglevel = settings.log_level.lower()

# Two texts of 2,000 characters, each character of up to 12 bytes when percent-encoded, make a request line of 48 KB.
# gunicorn refuses to read more than this constant of its own, whatever the setting says; 0, which means no limit,
# would let one caller fill the memory.
limit_request_line = gunicorn.http.message.MAX_REQUEST_LINE = 64 * 1024

logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def when_ready(server):
    """Give up callers who do not finish their request; accepted connections take this limit from their listener."""
    limit = struct.pack("ll", settings.read_timeout_seconds, 0)  # a C timeval
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def post_worker_init(worker):
    """Let SIGTERM also begin the time after which callers who still wait are told."""
    begin_stop = signal.getsignal(signal.SIGTERM)

    def stop(number, frame) -> None:
        begin_stop(number, frame)
        timer = threading.Timer(settings.graceful_timeout_seconds, worker.wsgi.extensions["generation"].stop)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, stop)
