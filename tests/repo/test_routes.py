"""A module of routes holds the views of one blueprint and nothing else, each of them a paragraph."""

import ast
from pathlib import Path

import pytest

ROUTES = Path(__file__).resolve().parent.parent.parent / "image_api/routes"
MODULES = sorted(path for path in ROUTES.glob("*.py") if path.stem != "__init__")
MAX_LINES = 12
BLUEPRINTS = {"Blueprint", "FormattedBlueprint"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def definitions(path: Path) -> list[ast.stmt]:
    """Return the functions and classes at the top of a module."""
    body = ast.parse(path.read_text()).body
    return [it for it in body if isinstance(it, DEFINITIONS)]


def is_view(node: ast.stmt) -> bool:
    """Return whether it is decorated as a view of the module's blueprint."""
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(it).startswith("routes.") for it in decorators)


def is_declaration(node: ast.stmt) -> bool:
    """Return whether it is the blueprint, or a constant in capitals that is made of literals."""
    if not isinstance(node, ast.Assign):
        return False
    names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if names == ["routes"]:
        return ast.unparse(node.value).partition("(")[0] in BLUEPRINTS
    return all(name.isupper() for name in names) and is_literal(node.value)


def is_literal(value: ast.expr) -> bool:
    """Return whether it is a literal, or bytes written in hexadecimal."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "bytes.fromhex":
        value = ast.Tuple(value.args)
    return all(isinstance(node, ast.Constant | ast.Tuple | ast.expr_context) for node in ast.walk(value))


def body_lines(view: ast.FunctionDef) -> int:
    """Return the number of lines of a view's body, without its docstring."""
    return view.body[-1].end_lineno - view.body[1].lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_defines_views_alone(path):
    assert [node.name for node in definitions(path) if not is_view(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_beside_its_views_it_has_imports_a_blueprint_and_constants_alone(path):
    module = ast.parse(path.read_text())
    assert ast.get_docstring(module)
    others = [node for node in module.body[1:] if not isinstance(node, (*DEFINITIONS, *IMPORTS))]
    assert [ast.unparse(node) for node in others if not is_declaration(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_view_has_a_docstring_and_at_most_twelve_lines(path):
    for view in definitions(path):
        assert ast.get_docstring(view), view.name
        assert body_lines(view) <= MAX_LINES, view.name
