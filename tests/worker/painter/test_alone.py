"""The painter can be published by itself: it needs no file of this repository but its own folder."""

import ast
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from render_worker.engines.sketch import painter

PAINT_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import hashlib, painter
image = painter.paint("two red boats, oil painting", seed=5, width=160, height=128)
foreign = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(hashlib.sha256(image.tobytes()).hexdigest(), *sorted(foreign))
"""

IMPORT_ALL = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import importlib, pkgutil, painter
for module in pkgutil.walk_packages(painter.__path__, "painter."):
    importlib.import_module(module.name)
loaded = set(sys.modules) - before
foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
print(*sorted(name for name in loaded if name.startswith("painter.")), *sorted(foreign))
"""


def test_every_module_of_a_copy_of_its_folder_loads_the_standard_library_and_pillow_alone(tmp_path: Path) -> None:
    folder = tmp_path / "painter"
    shutil.copytree(Path(painter.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-I", "-c", IMPORT_ALL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    paths = {path.parent if path.stem == "__init__" else path.with_suffix("") for path in folder.rglob("*.py")}
    modules = {".".join(path.relative_to(tmp_path).parts) for path in paths - {folder}}
    assert "painter.contact_sheet" in modules
    assert done.stdout.split() == [*sorted(modules), "PIL", "painter"]


def test_its_modules_name_the_standard_library_and_pillow_alone_in_functions_too() -> None:
    sources = [path.read_text() for path in Path(painter.__file__).parent.rglob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"PIL"}


def test_a_copy_of_its_folder_paints_the_same_picture_with_pillow_alone(tmp_path: Path) -> None:
    shutil.copytree(Path(painter.__file__).parent, tmp_path / "painter")
    command = [sys.executable, "-I", "-c", PAINT_ALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = painter.paint("two red boats, oil painting", seed=5, width=160, height=128).tobytes()
    assert done.stdout.split() == [hashlib.sha256(here).hexdigest(), "PIL", "painter"]


def test_its_public_interface_is_paint() -> None:
    assert painter.__all__ == ["paint"]
