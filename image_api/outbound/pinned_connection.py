"""The SSRF guard's connection: to an address that was checked before, and to that very one.

A host's name is resolved once. A second look-up could lead elsewhere (DNS rebinding), and a connection that is checked
when it is open tells its client which ports of this network are open.
"""

import functools
import socket
from typing import Any

from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from image_api.outbound import certificates
from image_api.outbound.guarded_connections import GuardedHTTPSConnection
from image_api.outbound.guarded_http import GuardedAdapter, GuardedSession
from image_api.outbound.public_hosts import AllowedURLs, Found, PublicHosts
from render_worker.serving.deadline import Deadline

CONNECT_SECONDS = 10.0  # for the look-up and all of the host's addresses, unless the request has its own limit
MIN_SECONDS = 0.001  # 0 would not wait at all


class PinnedConnection(GuardedHTTPSConnection):
    """A guarded connection to a public host by https. The name stays what TLS and its certificate are about."""

    def __init__(self, *arguments: Any, hosts: PublicHosts, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._hosts = hosts

    def connect(self) -> None:
        """Connect, without loading the authorities of certificates again."""
        if self.ca_certs == certificates.BUNDLE:
            self.ca_certs, self.ssl_context = None, certificates.trusting_context()
        super().connect()

    def _new_conn(self) -> socket.socket:
        """Return the connected socket. Raises NotPublic before any connection, and urllib3's errors as urllib3 does.

        urllib3's method is private.
        """
        deadline = Deadline.after(self._seconds)
        addresses = self._hosts.addresses(self._dns_host, self.port, deadline.remaining)
        errors = []
        for number, address in enumerate(addresses):
            try:
                return self._connected(address, deadline.share(len(addresses) - number))
            except OSError as error:
                errors.append(error)
        if isinstance(errors[-1], TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from errors[-1]
        raise NewConnectionError(self, f"Failed to establish a new connection: {errors[-1]}") from errors[-1]

    @property
    def _seconds(self) -> float:
        """Return the seconds in which the connection is to be there."""
        return self.timeout if isinstance(self.timeout, int | float) else CONNECT_SECONDS

    def _connected(self, found: Found, seconds: float) -> socket.socket:
        """Return a socket that is connected to the address. Raises an OSError if it is not within the seconds."""
        family, address = found
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(seconds or MIN_SECONDS)
            sock.connect(address)
        except BaseException:  # also if the greenlet is killed: a descriptor that is not closed is lost
            sock.close()
            raise
        sock.settimeout(self._seconds)
        return sock


class _PinnedPool(HTTPSConnectionPool):
    ConnectionCls = PinnedConnection


class PinnedAdapter(GuardedAdapter):
    """The adapter of requests for public hosts by https."""

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options)
        pool: Any = functools.partial(_PinnedPool, hosts=PublicHosts())
        self.poolmanager.pool_classes_by_scheme = {"https": pool}


class PublicSession(GuardedSession):
    """A guarded session for public hosts by https, and for the origins that the operator trusts by http as well."""

    def __init__(self, origins: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.urls = AllowedURLs(origins)
        self.adapters.clear()  # those of requests would send anything by http
        self.mount("https://", PinnedAdapter())
        for prefix in self.urls.trusted_prefixes:
            self.mount(prefix, GuardedAdapter())
