"""`flask --app app keys`: API keys are created, listed, rotated and revoked.

A command's output is what a script wants alone; notes go to standard error. Whatever needs the database is loaded by
the command that needs it: each start of the service loads this module.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from image_api.auth.api_key import hash_of, new_key
from image_api.cli.output import note, print_alone
from image_api.cli.parameter_types import Parsed
from image_api.credentials.errors import KeyIsOver, NoSuchKey
from image_api.errors import ApiError
from image_api.jobs.errors import OutcomeUnknown
from image_api.key_entries import (
    DEFAULT_SCOPES,
    KeyEntry,
    expiry_of,
    limit_of,
    micros_of,
    name_of,
    scopes_of,
)
from image_api.services import services

if TYPE_CHECKING:
    from image_api.credentials.credential_store import CredentialStore

NAME = Parsed("NAME", name_of)
LIMIT = Parsed("PICTURES", limit_of)
UNKNOWN_OUTCOME = "The database was lost at the last moment; keys list shows whether it was changed."
SHOWN_ONCE = "It is shown only now."
DECLARED = "API_KEYS declares the key {}: change it there, or choose another name."
LOST = "The key {0} was stored all the same: flask --app app keys rotate {0} prints another in its place."


def _future(text: str) -> float:
    """Return the moment of an expiry. Raises ValueError unless it lies ahead."""
    now = time.time()
    if (moment := expiry_of(text, now)) <= now:
        raise ValueError("it must lie ahead")
    return moment


keys = AppGroup(
    "keys",
    help="Create, list, rotate and revoke API keys.\n\nThey are stored as hashes in the database of DATABASE_URL, and"
    " are valid at once in all processes of the service that use it, whatever AUTH is.",
)


@keys.command()
@click.option("--name", required=True, type=NAME, help="What it is called in lists, such as blog.")
@click.option("--per-minute", type=LIMIT, help="New pictures a minute. [default: any number]")
@click.option("--per-day", type=LIMIT, help="New pictures a day. [default: any number]")
@click.option(
    "--budget",
    type=Parsed("DOLLARS", micros_of),
    help="What its pictures may cost a day of UTC, such as 1.50. [default: anything]",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=DEFAULT_SCOPES,
    metavar="SCOPE",
    help="What it may do: generate, jobs, admin; repeated, or separated by commas. [default: generate,jobs]",
)
@click.option(
    "--expires",
    type=Parsed("TIME", _future),
    help="When it ends: after 30m, 12h, 90d or 4w, or with the day 2027-02-28 of UTC. [default: never]",
)
@click.option("--print-hash", is_flag=True, help="Store nothing; print a second line: the key's entry for API_KEYS.")
def create(
    name: str,
    per_minute: int | None,
    per_day: int | None,
    budget: int | None,
    scopes: tuple[str, ...],
    expires: float | None,
    print_hash: bool,
) -> None:
    """Create an API key, and print it alone."""
    key = new_key()
    entry = KeyEntry(name, hash_of(key), _scopes(scopes), per_minute, per_day, budget, expires)
    if print_hash:
        print_alone(f"{key}\n{entry}", "Nothing was stored.")
        note(f"The first line is the key. {SHOWN_ONCE} Nothing was stored: add the second line to API_KEYS.")
        return
    if _is_declared(name):
        raise click.ClickException(DECLARED.format(name))
    with _opened() as store:
        store.add_key(entry)
    print_alone(key, LOST.format(name))
    note(f"{SHOWN_ONCE} It was stored in {services().credentials.place}, and is valid from now on.")
    _warn_of_loss()


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List the API keys.

    Those that API_KEYS declares are in it, too. No key is shown, nor its hash.
    """
    from image_api.cli.key_list import declared_rows, json_text, table

    declared = services().settings.declared_keys
    if services().credentials.exist:
        with _opened() as store:
            found = declared_rows(declared, store.spent_today()) + store.keys()
    else:
        found = declared_rows(declared, {})
    if as_json or found:
        print_alone(json_text(found) if as_json else table(found))
    else:
        note("There are no keys yet: flask --app app keys create --name … makes one.")


@keys.command()
@click.argument("name", type=NAME)
def rotate(name: str) -> None:
    """Replace the API key NAME, and print the new one.

    The account, its limits and its jobs stay. The old key is refused from now on.
    """
    key = new_key()
    with _opened_for(name) as store:
        store.rotate_key(name, hash_of(key))
    print_alone(key, LOST.format(name))
    note(f"{SHOWN_ONCE} The old one is refused within a second or two.")
    _tell_of_declared(name)


@keys.command()
@click.argument("name", type=NAME)
def revoke(name: str) -> None:
    """Revoke the API key NAME, for good."""
    with _opened_for(name) as store:
        store.revoke_key(name)
    note(f"The key {name} is refused within a second or two.")
    _tell_of_declared(name)


def _scopes(given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return scopes_of(it.strip() for part in given for it in part.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="'--scope'") from None


def _is_declared(name: str) -> bool:
    return any(it.name == name for it in services().settings.declared_keys)


def _tell_of_declared(name: str) -> None:
    """Say so if API_KEYS declares a key of the same name, which nothing here can change."""
    if _is_declared(name):
        note(f"API_KEYS declares another key {name}, which stays valid: change it there, too.")


@contextmanager
def _opened_for(name: str) -> "Iterator[CredentialStore]":
    """Yield what changes the key of a name; end the command if API_KEYS declares it, and no other can be changed."""
    if not _is_declared(name):
        with _opened() as store:
            yield store
        return
    if not services().credentials.exist:
        raise click.ClickException(DECLARED.format(name))
    with _opened() as store:
        try:
            yield store
        except (NoSuchKey, KeyIsOver):
            raise click.ClickException(DECLARED.format(name)) from None


@contextmanager
def _opened() -> "Iterator[CredentialStore]":
    """Yield what reads and writes the keys; end the command with an error's sentence, and with 1."""
    try:
        with services().credentials.opened() as store:
            yield store
    except OutcomeUnknown:
        raise click.ClickException(UNKNOWN_OUTCOME) from None
    except ApiError as error:
        raise click.ClickException(str(error)) from None


def _warn_of_loss() -> None:
    """Say so if the key is lost with this instance's disk."""
    from image_api.jobs.database.durability import loss_hint

    if loss_hint(services().settings):
        note("That disk is lost at each deploy and restart: use --print-hash and API_KEYS, or a PostgreSQL.")
