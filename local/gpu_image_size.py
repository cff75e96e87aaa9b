"""`python -m local.gpu_image_size`: how large the GPU's image is, computed from the sizes of its wheels.

uv resolves what `render_worker/Dockerfile.gpu` installs, for Linux on x86-64 and the image's Python, and its lock has
the size of each wheel, so that nothing is downloaded. A layer is compressed as well as a wheel: that of the image with
PyTorch for a CPU has 317 MB without bytecode, by gzip, and its wheels have 328.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "render_worker"
MB = 1_000_000
LIMIT_MB = 4000
BASE_MB = 45
"""The official image of Python on slim Debian, compressed, by its page at Docker Hub."""
BYTECODE_MB = 99
"""The bytecode that pip writes, compressed: measured of the image with PyTorch for a CPU, whose Python is the same."""
GLIBC = 36  # of the newest Debian stable; a wheel asks for an older one
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)
PROJECT = """
[project]
name = "image"
version = "0"
requires-python = "=={python}.*"
dependencies = [{dependencies}]
[tool.uv]
environments = ["sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython'"]
"""
INDEX = """
[tool.uv.sources]
torch = {{ index = "torch" }}
[[tool.uv.index]]
name = "torch"
url = "{url}"
explicit = true
"""


def installed(dockerfile: str) -> dict[str, str]:
    """Return the version of each package that the image's requirements choose."""
    (extras,) = re.findall(r'^ARG EXTRAS="(.*)"$', dockerfile, re.MULTILINE)
    names = ["requirements-diffusers.txt", "requirements.txt", *(f"requirements-{it}.txt" for it in extras.split())]
    return {name: version for file in names for name, version in PIN.findall((WORKER / file).read_text())}


def project(packages: dict[str, str], python: str, torch_index: str | None = None) -> str:
    """Return the pyproject.toml of which uv makes a lock; with an index, PyTorch's packages come from there."""
    dependencies = ", ".join(f'"{name}=={version}"' for name, version in packages.items())
    return PROJECT.format(python=python, dependencies=dependencies) + (
        INDEX.format(url=torch_index or "") * bool(torch_index)
    )


def wheel_sizes(lock: dict[str, Any], python: tuple[int, int]) -> dict[str, int]:
    """Return the bytes of the wheel of each package that pip would install on Linux.

    Raises SystemExit if a package has none, as pip would have to build it.
    """
    ranks = {tag: number for number, tag in enumerate(_tags(python))}
    packages = [it for it in lock["package"] if it.get("source", {}).get("virtual") is None]
    return {it["name"]: _best(it, ranks) for it in packages}


def _tags(python: tuple[int, int]) -> Iterator[Tag]:
    """Yield what a wheel may be tagged with on Linux, the fittest first."""
    old = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    platforms = [
        name
        for minor in range(GLIBC, 4, -1)
        for name in (f"manylinux_2_{minor}_x86_64", *([f"{old[minor]}_x86_64"] if minor in old else []))
    ]
    yield from cpython_tags(python, platforms=platforms)
    yield from compatible_tags(python, f"cp{python[0]}{python[1]}", platforms)


def _best(package: dict[str, Any], ranks: dict[Tag, int]) -> int:
    found: list[tuple[int, int]] = []
    for wheel in package.get("wheels", ()):
        tags = parse_wheel_filename(wheel["url"].rpartition("/")[2].replace("%2B", "+"))[3]
        found += [(ranks[tag], wheel["size"]) for tag in tags if tag in ranks]
    if not found:
        sys.exit(f"{package['name']} has no wheel for Linux.")
    return min(found)[1]


def is_cuda(name: str) -> bool:
    """Return whether a package is one of NVIDIA's or PyTorch's libraries: nearly all of it machine code."""
    return name.startswith(("nvidia-", "cuda-")) or name in {"torch", "triton"}


def image_mb(sizes: dict[str, int]) -> dict[str, float]:
    """Return the parts of the compressed image in MB."""
    parts = {name: size / MB for name, size in sizes.items() if is_cuda(name)}
    others = sum(size / MB for name, size in sizes.items() if not is_cuda(name))
    return {**parts, "other packages": others, "bytecode": BYTECODE_MB, "the base image": BASE_MB}


def _locked(text: str) -> dict[str, Any]:
    """Return uv's lock of a pyproject.toml. Raises SystemExit with its message if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(text)
        command = [sys.executable, "-m", "uv", "lock", "--quiet"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        if "No module named uv" in done.stderr:
            sys.exit("uv is not installed: .venv/bin/pip install uv")
        if done.returncode:
            sys.exit(done.stderr)
        return tomllib.loads(Path(folder, "uv.lock").read_text())


def main() -> int:
    """Print each part and the sum; return 1 if that is above the limit."""
    parser = argparse.ArgumentParser(prog="python -m local.gpu_image_size", description=__doc__)
    parser.add_argument("--torch-index", help="index of another build of PyTorch, as the build's TORCH_INDEX_URL")
    dockerfile = (WORKER / "Dockerfile.gpu").read_text()
    (python,) = re.findall(r"^FROM python:(\d+\.\d+)", dockerfile, re.MULTILINE)
    major, minor = map(int, python.split("."))
    lock = _locked(project(installed(dockerfile), python, parser.parse_args().torch_index))
    parts = image_mb(wheel_sizes(lock, (major, minor)))
    total = sum(parts.values())
    lines = [f"{size:8.1f} MB  {name}" for name, size in sorted(parts.items(), key=lambda it: -it[1])]
    sys.stdout.write("\n".join([*lines, f"{total:8.1f} MB  compressed, of {LIMIT_MB} at most\n"]))
    return total > LIMIT_MB


if __name__ == "__main__":
    sys.exit(main())
