"""The bytecode that an image's build leaves: of all that is imported, also within functions."""

import subprocess
import sys
from pathlib import Path

import pytest

from render_worker.serving.bytecode import imported
from tests.fakes.processes import ROOT, clean_environment

SOURCE = """
import json.tool, csv as table
from . import beside
from ..above import far

def work():
    from wsgiref import validate, no_module
    import uuid
"""


def compile_all(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command on a program's folder, with a folder of its own for all bytecode but the program's."""
    command = [sys.executable, "-m", "render_worker.serving.bytecode", *map(str, arguments)]
    where = {"PYTHONPATH": folder, "PYTHONPYCACHEPREFIX": folder / "bytecode", "PYTHONDONTWRITEBYTECODE": ""}
    environment = clean_environment(**where)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture
def program(tmp_path):
    package = tmp_path / "program"
    package.mkdir()
    (package / "module.py").write_text(SOURCE)
    return package


def test_it_finds_what_is_imported_anywhere_but_by_a_relative_name():
    assert list(imported(SOURCE)) == [
        *("json.tool", "csv", "wsgiref", "wsgiref.validate", "wsgiref.no_module", "uuid"),
    ]


def test_it_leaves_the_bytecode_of_the_program_and_of_what_it_imports(tmp_path, program):
    done = compile_all(tmp_path, program, "wave")
    assert done.returncode == 0, done.stderr
    compiled = {path.name.partition(".")[0] for path in (tmp_path / "bytecode").rglob("*.pyc")}
    assert {"module", "tool", "csv", "validate", "uuid", "wave"} <= compiled
    assert "tabnanny" not in compiled


def test_an_optional_package_may_be_missing(tmp_path, program):
    (program / "optional.py").write_text("def f():\n    import no_such_package.below\n")
    assert compile_all(tmp_path, program).returncode == 0


@pytest.mark.parametrize("source", ["raise ImportError('lib.so: cannot open shared object file')", "1 / 0"])
def test_a_package_that_is_broken_fails_the_build(tmp_path, program, source):
    (tmp_path / "broken.py").write_text(source)
    (program / "use.py").write_text("import broken\n")
    assert compile_all(tmp_path, program).returncode != 0


def test_a_program_that_cannot_be_compiled_fails_the_build(tmp_path, program):
    (program / "wrong.py").write_text("def")
    assert compile_all(tmp_path, program).returncode != 0
