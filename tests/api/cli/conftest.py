"""The operator's commands: in this process, or as a shell runs them."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import IO

import pytest
from click.testing import Result

from tests.fakes.processes import ROOT, clean_environment

Run = Callable[..., Result]


def flask(
    *arguments: str, output: "int | IO[str]" = subprocess.PIPE, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run `flask --app app` as a process, with an environment that has these settings alone."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=ROOT,
        env=clean_environment(FLASK_SKIP_DOTENV="1", **settings),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
    )


def into_nothing(*arguments: str, closed: bool = False, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command whose output cannot be written: to a full disk, or a pipe without a reader."""
    if not closed:
        with open("/dev/full", "w", encoding="utf-8") as full:
            return flask(*arguments, output=full, **settings)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return flask(*arguments, output=writer, **settings)
    finally:
        os.close(writer)


@pytest.fixture
def run_with(client_with) -> Callable[..., Run]:
    """Makes what runs commands of a service with settings of the test's choice."""

    def make(**settings: object) -> Run:
        runner = client_with(**settings).application.test_cli_runner()
        return lambda *arguments: runner.invoke(args=arguments)

    return make


@pytest.fixture
def run(run_with, database_url) -> Run:
    """Runs a command with an empty database of each kind."""
    return run_with(database_url=database_url)
