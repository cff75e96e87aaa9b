"""Query strings as the names and values in them."""

from urllib.parse import parse_qsl

from render_worker.contract import InvalidField

MAX_QUERY_FIELDS = 100


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query string. Raises InvalidField if they are too many."""
    # Bytes that are not UTF-8 become lone surrogates, which the field's own check refuses by name.
    text = query.decode(errors="surrogateescape")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        raise InvalidField(f"The query must have at most {MAX_QUERY_FIELDS} parameters.") from None
