"""The address of a picture at Pollinations: the prompt is a part of its path."""

from urllib.parse import quote, urlencode

from render_worker.contract import Size
from render_worker.errors import InvalidParameter

MAX_LENGTH = 8000  # what RFC 9110, 4.1, recommends every recipient to take
DOT_SEGMENTS = (".", "..")  # which are no part of an address, encoded or not (https://url.spec.whatwg.org)


def address_of(base: str, prompt: str, seed: int, size: Size, *, safe: bool = False) -> str:
    """Return the address of a recipe's picture; with `safe` the service refuses what it takes for unsafe.

    It has no `nologo`, which is ignored, and brings on a demand for payment (by one project's notes of October 2026).
    Raises InvalidParameter if the prompt does not fit into an address.
    """
    if prompt in DOT_SEGMENTS:
        raise InvalidParameter("prompt must be more than dots at pollinations, where it is a part of an address.")
    width, height = size
    fields = {"width": width, "height": height, "seed": seed, "private": "true"}
    query = urlencode({**fields, "safe": "true"} if safe else fields)
    address = f"{base}/prompt/{quote(prompt, safe='')}?{query}"
    if len(address) > MAX_LENGTH:
        raise InvalidParameter(
            f"prompt is too long for pollinations: its address may have {MAX_LENGTH:,} characters and would have"
            f" {len(address):,}, three for each byte but ASCII letters and digits. Shorten it, or ask with model=auto."
        )
    return address
