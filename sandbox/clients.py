"""The client of the request in hand: its address, and whether it still waits."""

import socket
import time
from multiprocessing.connection import wait

from flask import request

from sandbox.state import LoggedRequest

HANG_SECONDS = 600.0
ABORT_POLL_SECONDS = 0.02


def client_address() -> str:
    """Return the client's address, by which Perchance knows a visitor."""
    return request.remote_addr or ""


def wait_connected(entry: LoggedRequest, seconds: float = HANG_SECONDS) -> bool:
    """Wait `seconds`; return False at once, and log the request as aborted, if the client hangs up."""
    connection: socket.socket = request.environ["gunicorn.socket"]
    end = time.monotonic() + seconds
    while (remaining := end - time.monotonic()) > 0:
        readable = wait([connection], min(remaining, ABORT_POLL_SECONDS))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            entry.outcome = "aborted"
            return False
    return True
