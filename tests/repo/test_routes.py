"""A module of routes holds the views of one blueprint and nothing else, each of them a paragraph."""

import ast
from pathlib import Path

import pytest

ROUTES = Path(__file__).resolve().parent.parent.parent / "image_api/routes"
MODULES = sorted(path for path in ROUTES.glob("*.py") if path.stem != "__init__")
MAX_LINES = 12


def definitions(path: Path) -> list[ast.stmt]:
    """Return the functions and classes at the top of a module."""
    body = ast.parse(path.read_text()).body
    return [it for it in body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def is_view(node: ast.stmt) -> bool:
    """Return whether it is decorated as a view of the module's blueprint."""
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(it).startswith("routes.") for it in decorators)


def body_lines(view: ast.FunctionDef) -> int:
    """Return the number of lines of a view's body, without its docstring."""
    return view.body[-1].end_lineno - view.body[1].lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_defines_views_alone(path):
    assert [node.name for node in definitions(path) if not is_view(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_view_has_a_docstring_and_at_most_twelve_lines(path):
    for view in definitions(path):
        assert ast.get_docstring(view), view.name
        assert body_lines(view) <= MAX_LINES, view.name
