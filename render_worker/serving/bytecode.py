"""`python -m render_worker.serving.bytecode FOLDER ... [MODULE ...]` leaves bytecode, for an image's build.

An image's user may not write it, and compiling at every start takes seconds on a small plan. pip compiles what it
installs; the standard library of Python's image is not compiled, nor is what is copied. So this imports all that the
files of the folders import, also within functions, and the modules; and compiles the folders.
"""

import ast
import compileall
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path


def imported(source: str) -> Iterator[str]:
    """Yield the names of the modules that a source imports; of `from a import b`, where b may be a module, both."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def load(module: str) -> None:
    """Import a module if it is one, and if its package is installed."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:  # an optional package's, or a name in a module
        return


def main(arguments: list[str]) -> int:
    """Import and compile; return the exit status."""
    folders = [Path(it) for it in arguments if Path(it).is_dir()]
    sources = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    names = {name for source in sources for name in imported(source)}
    for name in sorted(names | {it for it in arguments if not Path(it).is_dir()}):
        load(name)
    return 0 if all(compileall.compile_dir(folder, quiet=1) for folder in folders) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
