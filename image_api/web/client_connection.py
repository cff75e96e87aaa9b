"""The connection of the current request: its waiter, and whether its client has closed it."""

import socket
from collections.abc import Callable

from flask import g

from image_api.admission import Waiter
from image_api.web.current import current_request
from image_api.web.paying import current_payer

# Of struct tcp_info's first byte (linux/tcp.h, net/tcp_states.h): reset, and closed by the other side.
TCP_CLOSE, TCP_CLOSE_WAIT = 7, 8


def waiter(*, stream: bool = False, given_up: Callable[[], bool] = lambda: False) -> Waiter:
    """Return a waiter for the current request; `given_up` returns whether the request needs no result any longer."""
    connection = current_request().environ.get("gunicorn.socket")
    return Waiter(
        g.client,
        stream=stream,
        gone=lambda: given_up() or _is_closed_by_client(connection),
        request_id=g.request_id,
        payer=current_payer(),
    )


def _is_closed_by_client(connection: socket.socket | None) -> bool:
    """Return whether the client has closed its side, without reading or waiting.

    A client that closed only its sending side and still reads looks the same, which nothing but writing to it would
    reveal: a request that is given up for this gets a response all the same.
    """
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return connection.fileno() < 0  # closed here; else no TCP
    return state in (TCP_CLOSE, TCP_CLOSE_WAIT)
