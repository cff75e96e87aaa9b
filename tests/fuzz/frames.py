"""WebSocket samples: a handshake, and frames that are valid, invalid, or no frames at all."""

import random
import struct

from tests.fuzz.mutations import mutated
from tests.fuzz.values import JSON_BODIES, json_body
from tests.hostile.attacks.connections import HANDSHAKE
from tests.hostile.attacks.handshakes import handshakes

MASK = b"\x01\x02\x03\x04"
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
CLOSES = [
    b"",
    b"\x03",
    b"\x03\xe8",
    b"\x00\x00",
    b"\xff\xff",
    b"\x03\xed",
    b"\x03\xe8\xff\xfe",
    b"\x03\xe8" + b"a" * 123,
]
RAW = [b"\xff" * 14, b"\x81\xff" + b"\xff" * 8, b"\x81\xfe\x00", b"\x00" * 20, b"GET / HTTP/1.1\r\n\r\n"]


def _frame(code: int, data: bytes, *, end: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    first = (0x80 if end else 0) | reserved | code
    mask = 0x80 if masked else 0
    if len(data) < 126:
        head = struct.pack("!BB", first, mask | len(data))
    elif len(data) < 2**16:
        head = struct.pack("!BBH", first, mask | 126, len(data))
    else:
        head = struct.pack("!BBQ", first, mask | 127, len(data))
    if not masked:
        return head + data
    return head + MASK + bytes(byte ^ MASK[number % 4] for number, byte in enumerate(data))


def _any_frame(chance: random.Random) -> bytes:
    drawn = chance.random()
    if drawn < 0.5:
        return _frame(chance.choice([TEXT, TEXT, BINARY]), json_body(chance))
    if drawn < 0.6:
        return _frame(TEXT, chance.choice(JSON_BODIES))
    if drawn < 0.7:
        return _frame(CLOSE, chance.choice(CLOSES))
    if drawn < 0.8:
        return _frame(chance.choice([PING, PONG]), b"a" * chance.choice([0, 1, 125, 126]))
    if drawn < 0.9:
        return _frame(
            chance.choice([TEXT, CONTINUED, 0x3, 0xB]),
            b"\xff\xfe",
            end=chance.random() < 0.5,
            masked=chance.random() < 0.5,
            reserved=chance.choice([0, 0x40, 0x10]),
        )
    return chance.choice(RAW)


def conversation(chance: random.Random) -> tuple[bytes, bytes]:
    """Return a handshake, distorted at times, and the frames that follow when it is accepted, in one packet."""
    drawn = chance.random()
    handshake = HANDSHAKE
    if drawn < 0.3:
        handshake = mutated(HANDSHAKE, HANDSHAKE, chance) if drawn < 0.1 else chance.choice(list(handshakes().values()))
    frames = b"".join(_any_frame(chance) for _ in range(chance.randint(0, 4)))
    if chance.random() < 0.3:
        frames = _frame(TEXT, b"{}") * chance.randint(1, 3) + frames
    if frames and chance.random() < 0.2:
        frames = mutated(frames, frames, chance)
    return handshake, frames
