"""Random distortions of bytes, as a faulty client may send them."""

import random
from collections.abc import Callable

TOKENS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"%00",
    b"%",
    b":",
    b" ",
    b"\t",
    b",",
    b";",
    b'"',
    b"\\",
    b"?",
    b"#",
    b"[",
    b"{",
    b"-1",
    b"0",
    b"9" * 30,
    b"chunked",
    b"HTTP/1.1",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"A" * 9000,
    b"\\" * 5000,
    b"a=1&" * 200,
]
MOST = 5
Mutation = Callable[[bytearray, random.Random], None]


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.choice(b"\x00\x01\t\n\r \x7f\x80\xff:;,/\\\"'%")


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(TOKENS)


def _delete(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randint(1, 30)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    piece = data[at : at + chance.randint(1, 60)]
    data[at:at] = piece * chance.choice([1, 2, 50])


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data) + 1) :]


def _swap(data: bytearray, chance: random.Random) -> None:
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    data[first], data[second] = data[second], data[first]


MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _set, _set, _insert, _insert, _insert, _delete, _repeat, _cut, _swap)


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some distortions; at times their end is that of `other`."""
    changed = bytearray(data)
    if chance.random() < 0.1:
        changed[chance.randrange(len(changed)) :] = other[chance.randrange(len(other)) :]
    for _ in range(chance.randint(1, MOST)):
        if changed:
            chance.choice(MUTATIONS)(changed, chance)
    return bytes(changed)
