"""The painter can be published by itself: it needs no file of this repository but its own folder."""

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


def test_a_copy_of_its_folder_paints_the_same_picture_with_pillow_alone(tmp_path: Path) -> None:
    shutil.copytree(Path(painter.__file__).parent, tmp_path / "painter")
    command = [sys.executable, "-I", "-c", PAINT_ALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = painter.paint("two red boats, oil painting", seed=5, width=160, height=128).tobytes()
    assert done.stdout.split() == [hashlib.sha256(here).hexdigest(), "PIL", "painter"]


def test_its_public_interface_is_paint() -> None:
    assert painter.__all__ == ["paint"]
