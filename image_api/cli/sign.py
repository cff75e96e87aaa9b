"""flask --app app sign: a link that needs no credential, for exactly one request, until it expires."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from urllib.parse import unquote

import click
from flask import current_app
from flask.cli import with_appcontext
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from image_api.addresses import is_address
from image_api.auth.signed_links import EXPIRES, SIGNATURE, Pairs, query_of, signed_pairs
from image_api.cli.output import note, print_alone
from image_api.cli.parameter_types import Parsed
from image_api.errors import ApiError
from image_api.generation.query_strings import query_pairs
from image_api.key_entries import expiry_of
from image_api.services import services
from image_api.web.content_negotiation import file_options, query_options
from image_api.web.sheet import sheet_options
from image_api.web.signed_links import SIGNABLE
from render_worker.contract import IMAGE_TYPES, InvalidField

SCHEMES = ("http://", "https://", "//")
OWN = {EXPIRES, SIGNATURE}
LONGEST = timedelta(days=3653)
WHAT_CAN = "only GET requests for pictures can be signed, like /generate.png?prompt=… or /sheet.png?prompt=…"
PARSERS: Mapping[str, Callable[[str], object]] = {
    "generate.by_query": lambda _: query_options(),
    "generate.by_file_name": lambda ending: file_options(ending, IMAGE_TYPES[ending.replace("jpeg", "jpg")]),
    "sheet.as_json": lambda _: sheet_options(),
    "sheet.as_picture": sheet_options,
}
"""What each view does with its query first, with the ending of its path."""


def _expiry(text: str) -> int:
    """Return the moment of an expiry in Unix seconds. Raises ValueError unless it lies ahead, by ten years at most."""
    now = time.time()
    moment = int(expiry_of(text.strip(), now))
    if not now < moment <= now + LONGEST.total_seconds():
        raise ValueError("it must lie ahead, and within the next ten years")
    return moment


def _base(text: str) -> str:
    if not is_address(text):
        raise ValueError("it must be an address like https://pictures.example")
    return text


@click.command()
@click.argument("address")
@click.option(
    "--expires",
    required=True,
    type=Parsed("TIME", _expiry),
    help="When it ends: after 30m, 12h, 7d or 2w, or with the day 2027-02-28 of UTC.",
)
@click.option(
    "--base-url", type=Parsed("URL", _base), help="Where clients reach this service, unless a setting says so."
)
@with_appcontext
def sign(address: str, expires: int, base_url: str | None) -> None:
    """Print a signed link, which needs no credential.

    ADDRESS is like '/generate.png?prompt=a%20red%20boat&seed=7'. The link works in an <img> until it expires, for
    exactly this request: a change of any parameter makes it invalid. Its key is the first of SIGNING_KEYS, or one in
    the jobs' database, which is made at first use.

    It begins with --base-url, PUBLIC_BASE_URL or RENDER_EXTERNAL_URL; without them it is a path alone.
    """
    settings = services().settings
    base = (base_url or settings.public_base_url or settings.render_external_url or "").rstrip("/")
    path, pairs = _request_of(address, base)
    try:
        key = services().signing_keys.signing_key()
    except ApiError as error:
        raise click.ClickException(str(error)) from None
    print_alone(f"{base}{path}?{query_of(signed_pairs(key, path, pairs, expires))}")
    note(f"Signed by {_origin_of_key()}: it opens where the service has the same.")


def _origin_of_key() -> str:
    found = services()
    return "the first key of SIGNING_KEYS" if found.settings.signing_keys else f"the key in {found.credentials.place}"


def _request_of(address: str, base: str) -> tuple[str, Pairs]:
    """Return the path of an address and its parameters. Raises BadParameter unless a link to it can be made."""
    wrong = partial(click.BadParameter, param_hint="ADDRESS")
    if address.startswith(SCHEMES):
        if not base or not address.startswith(f"{base}/"):
            raise wrong("it is of another host; give it from the path on, like /generate.png?prompt=….")
        address = address.removeprefix(base)
    if not address.startswith("/"):
        raise wrong(f"it must begin with a slash; {WHAT_CAN}.")
    if "#" in address:
        raise wrong("it has a #, after which nothing is sent; in a parameter it must be %23.")
    path, _, query = address.partition("?")
    path = unquote(path)
    try:
        pairs = query_pairs(query.encode(errors="surrogateescape"))
        if OWN & {name for name, _ in pairs}:
            raise wrong(f"it is signed already: give it without {EXPIRES} and {SIGNATURE}.")
        _check(path, pairs)
    except (InvalidField, LookupError) as error:
        raise wrong(str(error.args[0])) from None
    return path, pairs


def _check(path: str, pairs: Pairs) -> None:
    """Raise LookupError unless a path can be signed, InvalidField if the service would refuse the parameters."""
    try:
        endpoint, values = current_app.url_map.bind("").match(path, "GET")
    except MethodNotAllowed:
        raise LookupError(f"{path} is not for GET; {WHAT_CAN}.") from None
    except (HTTPException, RequestRedirect):
        raise LookupError(f"there is no {path} here; {WHAT_CAN}.") from None
    if endpoint not in SIGNABLE:
        raise LookupError(f"{path} needs no signature, or takes none; {WHAT_CAN}.")
    with current_app.test_request_context(path, query_string=query_of(pairs)):
        PARSERS[endpoint](values.get("ending", ""))
