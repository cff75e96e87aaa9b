"""A client that watches a job by its event stream, in a thread."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlsplit

from tests.fakes.processes import wait_until


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass
class Watching:
    """An open stream and what has come; leaving it closes the connection."""

    url: str
    headers: dict[str, str | bytes] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    ended: bool = False
    """Whether the service has ended the stream, or the connection broke."""

    def __enter__(self) -> Self:
        address = urlsplit(self.url)
        self._connection = HTTPConnection(address.netloc, timeout=60)
        self._connection.request("GET", address.path, headers=self.headers)
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the service has closed it
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self.response.close()
        self._connection.close()

    @property
    def names(self) -> list[str]:
        """Return the names of the events so far."""
        return [event.name for event in self.events]

    @property
    def statuses(self) -> list[str]:
        """Return the jobs' statuses that came, one after the other, each once."""
        told = [event.data["status"] for event in self.events if event.name != "progress"]
        return [status for number, status in enumerate(told) if told[number - 1 : number] != [status]]

    def wait_for(self, name: str, **data: object) -> Event:
        """Return the first event of that name which has these fields."""

        def found() -> list[Event]:
            return [it for it in self.events if it.name == name and data.items() <= it.data.items()]

        self._wait_until(found, f"the event {name} {data}")
        return found()[0]

    def wait_for_end(self) -> Event:
        """Return the last event once the stream has ended."""
        self._wait_until(lambda: self.ended, "the stream's end")
        return self.events[-1]

    def _wait_until(self, condition: Callable[[], object], what: str) -> None:
        try:
            wait_until(condition, what, 30)
        except AssertionError as error:
            raise AssertionError(f"{error}; there were {self.events}") from None

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with contextlib.suppress(HTTPException, OSError):  # the connection broke, or was closed here
            for line in self.response:
                if text := line.decode().rstrip("\n"):
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    self.events.append(Event(fields["event"], fields["id"], json.loads(fields["data"])))
                    fields = {}
        self.ended = True
