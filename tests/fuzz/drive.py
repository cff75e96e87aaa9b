"""Clients that send samples, mostly over kept connections, and judge the responses."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from tests.fuzz.samples import Sample, Tier, sample
from tests.hostile.wire import LOOPBACK, READ_BYTES, MalformedResponse, Response, close, parse

CLIENTS = 24
HANG_SECONDS = 30.0
ACCEPTED = b"HTTP/1.1 101 "
FIRST_LINE = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3}) ")  # gunicorn responds in the request's version
FAULT = re.compile(rb"HTTP/1\.[0-9] 500 |\"internal_error\"|Internal Server Error")
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
FuzzOutcome = tuple[str, str | None]
"""A status, or what came instead, and what is wrong with it, if anything."""


@dataclass(frozen=True)
class Failure:
    """A sample that showed a fault."""

    sample: Sample
    problem: str


@dataclass
class FuzzReport:
    """Results of samples: statuses counted, and failures."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def __iadd__(self, other: "FuzzReport") -> Self:
        self.statuses += other.statuses
        self.failures += other.failures
        return self

    def add(self, what: Sample, status: str, problem: str | None) -> None:
        """Count a sample's status, and keep it if there is a problem."""
        self.statuses[f"{what.tier} {status}"] += 1
        if problem:
            self.failures.append(Failure(what, problem))


def drive(tier: Tier, port: int, seed: int, numbers: range) -> FuzzReport:
    """Send the samples of those numbers; return their report."""
    return asyncio.run(_drive(port, iter([sample(tier, seed, number) for number in numbers])))


async def _drive(port: int, left: Iterator[Sample]) -> FuzzReport:
    report = FuzzReport()
    clients = [_Client(port, f"127.0.0.{2 + number}", report) for number in range(CLIENTS)]
    await asyncio.gather(*(client.send_all(left) for client in clients))
    return report


class _Client:
    """A client with a connection that it keeps from sample to sample."""

    def __init__(self, port: int, source: str, report: FuzzReport) -> None:
        self._port, self._source, self._report = port, source, report
        self._kept: Link | None = None

    async def send_all(self, left: Iterator[Sample]) -> None:
        """Send samples until none is left."""
        for what in left:
            try:
                async with asyncio.timeout(HANG_SECONDS):
                    outcome = await (self._once(what) if what.kind == "once" else self._on_kept(what))
            except TimeoutError:
                outcome = "hang", f"no end within {HANG_SECONDS:g} seconds"
            except MalformedResponse as error:
                outcome = "no HTTP", f"the answer is no HTTP: {error}"
            except OSError as error:
                outcome = "refused", f"no connection: {error}"
            if outcome[1]:
                await self._leave()
            self._report.add(what, *outcome)
        await self._leave()

    async def _connected(self) -> Link:
        return await asyncio.open_connection(LOOPBACK, self._port, local_addr=(self._source, 0))

    async def _leave(self) -> None:
        if self._kept:
            await close(self._kept[1])
            self._kept = None

    async def _on_kept(self, what: Sample) -> FuzzOutcome:
        """Send a whole request on the kept connection, or on a new one if an earlier response was its last."""
        response = await _response(self._kept, what) if self._kept else None
        if response is None:
            await self._leave()
            self._kept = await self._connected()
            response = await _response(self._kept, what)
        if response is None or response.closes:
            await self._leave()
        if response is None:
            return "silent", "the connection ended without an answer"
        is_fault = response.status == 500 if what.head_only else response.own_fault  # a HEAD's code is in no body
        return str(response.status), f"{response.status}: {response.body[:200]!r}" if is_fault else None

    async def _once(self, what: Sample) -> FuzzOutcome:
        """Send any bytes on a connection of their own, and nothing more after them."""
        link = await self._connected()
        got = b""
        try:
            link[1].write(what.data)
            if what.then:
                got = await _head(link[0])
                link[1].write(what.then if got.startswith(ACCEPTED) else b"")
            link[1].write_eof()
            while data := await link[0].read(READ_BYTES):
                got += data
        except ConnectionError:
            pass
        finally:
            await close(link[1])
        first = FIRST_LINE.match(got)
        if got and not first:
            raise MalformedResponse(repr(got[:200]))
        fault = FAULT.search(got)
        return first[1].decode() if first else "silent", f"{got[fault.start() :][:400]!r}" if fault else None


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Return the head of a response, or less if the connection ends before its end."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as early:
        return early.partial


async def _response(link: Link, what: Sample) -> Response | None:
    """Return the final response; None if the connection ends before it."""
    reader, writer = link
    got, data = b"", b"-"
    try:
        writer.write(what.data)
        while True:
            found = parse(got, head_only=what.head_only, ended=not data)
            if found and found[0].status >= 200:
                return found[0]
            if found:
                got = got[found[1] :]
                continue
            if not data:
                return None
            data = await reader.read(READ_BYTES)
            got += data
    except ConnectionError:
        return None
