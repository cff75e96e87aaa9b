"""Values of fields, as queries and as JSON: valid, nearly valid, and no values at all."""

import json
import random
from urllib.parse import quote

from tests.hostile.stand_in import REFUSED_MODEL

DEEP = 3000
DIGITS = "9" * 5000  # more than Python makes an integer of
PROMPTS = [
    "a tree",
    "ein Baum, größer",
    "木と川",
    "🌲" * 10,
    "a" * 2000,
    "a" * 2001,
    "",
    " ",
    "\x00",
    "a\nb",
    "\x7f",
    "\u202e",
    "e\u0301" * 50,
    "'; drop table",
    "{{7*7}}",
    "%s%n",
    "<script>",
]
NUMBERS = [
    "0",
    "-1",
    "7",
    "20",
    "-0",
    "2147483647",
    "2147483648",
    "1e5",
    "1e999",
    "NaN",
    "Infinity",
    "0.5",
    "20.0000001",
    "٣",
    "0x7",
    " 7",
    "7 ",
    "+7",
    "1_0",
    "",
    "9" * 400,
    "0." + "1" * 400,
]
WORDS = ["auto", "perchance", REFUSED_MODEL, "sketch", "square", "portrait", "png", "webp", "json", "image", "redirect"]
WORDS += ["true", "false", "True", "1", "", "../..", "a/b:c", "null", "-", "a" * 101, "ü"]
FIELDS: dict[str, list[str]] = {
    "prompt": PROMPTS,
    "negative_prompt": PROMPTS,
    "seed": NUMBERS,
    "guidance_scale": NUMBERS,
    "within": NUMBERS,
    "prefer": ["fast", "free", "quality", *WORDS],
    "shape": WORDS,
    "model": WORDS,
    "output_format": WORDS,
    "format": WORDS,
    "cache": WORDS,
    "width": [*NUMBERS, "64", "512", "4096"],
    "height": [*NUMBERS, "64", "512", "65"],
    "size": ["1024x1024", "64x4096", "65x64", "0x0", "99999x1", "auto", "x"],
    "n": NUMBERS,
    "style": WORDS,
    "aspect_ratio": ["1:1", "16:9", "1.91:1", "4:1", "5:1", "0:0", "1:", ":"],
    "response_format": ["url", "b64_json", "x"],
    "user": PROMPTS,
    "timeout_seconds": NUMBERS,
    "request_id": ["x", "a-b", "", "ü", "a" * 65, "/"],
    "negative_prompt_optional": WORDS,
    "unknown": WORDS,
    "utm_source": WORDS,
    "_": NUMBERS,
    "__proto__": WORDS,
}
COMMON = ["seed", "guidance_scale", "shape", "model", "output_format", "cache"]
RAW_QUERIES = [
    "%ff=%fe",
    "prompt=%",
    "prompt=%u0041",
    "&&&",
    "=",
    "prompt",
    "prompt=a;seed=1",
    "prompt=a#b",
    "prompt=\xff",
]
JSON_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"a"',
    b"7",
    b"{}",
    b'{"prompt": NaN}',
    b'{"prompt": "a", "seed": 1e999}',
    b'{"prompt": "a", "seed": -Infinity}',
    b'{"prompt": "a", "seed": ' + DIGITS.encode() + b"}",
    b'{"prompt": "a", "guidance_scale": 0.' + DIGITS.encode() + b"}",
    b'{"prompt": "\\ud800"}',
    b'{"prompt": "\\ud83d\\ude00"}',
    b'{"prompt": "\xff\xfe"}',
    b'{"\\ud800": 1}',
    b'{"prompt": "a", "prompt": "b"}',
    b"\xef\xbb\xbf{}",
    '{"prompt": "a"}'.encode("utf-16"),
    '{"prompt": "a"}'.encode("utf-32"),
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b'{"prompt": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"prompt": "a"}}',
    b'{"prompt": "a",}',
    b"{'prompt': 'a'}",
    b'{"prompt": "a"} {"prompt": "b"}',
    b"\x00" * 100,
    b" " * 70_000,
    b'{"prompt": "' + b"a" * 66_000 + b'"}',
    b'{"prompt": "a", "": 1}',
    b"prompt=a&seed=1",
    b"\x1f\x8b\x08\x00",
    b'{"prompt": "a\nb"}',
    b'{"prompt": "caf\xe9"}',
    b'{"prompt": "a", "cache": True}',
    b'"{\\"prompt\\": 1}"',
    b"--x\r\nContent-Disposition: form-data; name=prompt\r\n\r\na\r\n--x--",
]
TYPED = [None, True, False, 0, -1, 7, 0.5, 1e308, [], {}, [1], {"a": 1}, "7", "true", 2**31, 2**63, 2**200]


def query(chance: random.Random) -> str:
    """Return a query, mostly of known fields with nearly valid values."""
    if chance.random() < 0.04:
        return chance.choice(RAW_QUERIES)
    pairs = [("prompt", chance.choice(PROMPTS))] if chance.random() < 0.9 else []
    pairs += [(name, _text(chance, name)) for name in _names(chance)]
    return "&".join(f"{quote(name)}={_encoded(chance, text)}" for name, text in pairs)


def json_body(chance: random.Random, *, of_worker: bool = False) -> bytes:
    """Return a body, mostly an object of which one field may be invalid."""
    if chance.random() < 0.15:
        return chance.choice(JSON_BODIES)
    fields: dict[str, object] = {"prompt": chance.choice(PROMPTS)} if chance.random() < 0.9 else {}
    for name in _names(chance):
        fields[name] = chance.choice(TYPED) if chance.random() < 0.3 else _number(_text(chance, name))
    if of_worker:
        fields.setdefault("model", REFUSED_MODEL)  # nothing has to be painted
        if fields["model"] == "sketch" and chance.random() < 0.9:
            fields["model"] = "perchance/none"
    return json.dumps(fields, ensure_ascii=chance.random() < 0.5).encode("utf-8", errors="surrogatepass")


def _names(chance: random.Random) -> list[str]:
    known = chance.sample(COMMON, chance.choice([0, 0, 1, 2]))
    return known + ([chance.choice(list(FIELDS))] if chance.random() < 0.3 else [])


def _text(chance: random.Random, name: str) -> str:
    return chance.choice(FIELDS[name] if chance.random() < 0.9 else chance.choice(list(FIELDS.values())))


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return text


def _encoded(chance: random.Random, text: str) -> str:
    drawn = chance.random()
    if drawn < 0.02:
        return chance.choice(["%", "%f", "%ff%fe", "%00", "%zz", "%c0%af", "%ed%a0%80", "+"])
    return quote(
        text, safe="/:" if drawn < 0.5 else "", encoding="latin-1" if drawn > 0.98 else "utf-8", errors="replace"
    )
