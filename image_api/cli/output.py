"""The output of commands: what a script wants, alone on standard output; notes on standard error."""

import sys
from contextlib import suppress

import click


def print_alone(text: str, otherwise: str = "") -> None:
    """Print a text. If that fails (a full disk, a closed pipe), end the command with 1, and say what to do."""
    try:
        click.echo(text)
    except OSError as error:
        with suppress(OSError):
            sys.stdout.close()  # or Python would write the text once more at its end, and say that it cannot
        raise click.ClickException(f"Its output cannot be written ({error.strerror}). {otherwise}".strip()) from None


def note(text: str) -> None:
    """Print what is for the operator's eyes."""
    click.echo(text, err=True)
