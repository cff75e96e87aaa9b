"""The repository's own limits: sizes of files, of functions and of documents."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted(
    path
    for folder in ("image_api", "render_worker", "sandbox", "local", "bench", "tests")
    for path in (ROOT / folder).rglob("*.py")
)


WORDS = {"README.md": 700, "ARCHITECTURE.md": 2500, "CONTRIBUTING.md": 700}
FUNCTION_LINES_P90 = 15
FLAT_MODULES = 20


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


@pytest.mark.parametrize(("name", "budget"), WORDS.items())
def test_a_document_keeps_to_its_budget_of_words(name, budget):
    assert len((ROOT / name).read_text().split()) <= budget


def test_functions_are_short():
    """Nine functions of ten; the painter's are sequences of strokes, and it is frozen."""
    sources = [path for path in SOURCES if "painter" not in path.parts and "tests" not in path.parts]
    functions = [
        node
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lines = sorted(1 + (node.end_lineno or 0) - node.lineno for node in functions)
    assert lines[len(lines) * 9 // 10] <= FUNCTION_LINES_P90


def test_the_render_worker_has_rooms():
    assert len(list((ROOT / "render_worker").glob("*.py"))) <= FLAT_MODULES + len(["__init__.py"])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_is_long(path):
    assert len(path.read_text().splitlines()) <= 300
