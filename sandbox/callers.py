"""The one who asked: his address, and whether he still waits."""

import select
import socket
import time

from flask import request

from sandbox.switchboard import Asked

HANG_SECONDS = 600.0
ABORT_POLL_SECONDS = 0.02


def address() -> str:
    """The caller's address, which is what Perchance knows a visitor by."""
    return request.remote_addr or ""


def still_there(entry: Asked, seconds: float = HANG_SECONDS) -> bool:
    """Wait, and notice a caller who hangs up meanwhile: his request is then logged as aborted."""
    connection: socket.socket = request.environ["gunicorn.socket"]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, ABORT_POLL_SECONDS))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            entry.outcome = "aborted"
            return False
    return True
