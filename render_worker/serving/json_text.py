"""JSON text that stays one line, and inside its element, wherever a client puts it.

JSON itself allows what ends a line in JavaScript before ES2019 and for Python's str.splitlines, by which clients cut
event streams and NDJSON, and what ends a <script> element.
"""

ESCAPES = (("\u2028", "\\u2028"), ("\u2029", "\\u2029"), ("\x85", "\\u0085"), ("</", "<\\/"), ("<!--", "\\u003c!--"))


def embeddable(json: str) -> str:
    """Return the same JSON with these escaped; one in ASCII without "<" comes back at once."""
    if json.isascii() and "<" not in json:
        return json
    for character, escape in ESCAPES:
        json = json.replace(character, escape)
    return json
