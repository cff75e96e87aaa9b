"""The size of the GPU's image, as computed from its wheels. Nothing here needs a network."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from local import gpu_image_size
from local.gpu_image_size import LIMIT_MB, image_mb, installed, is_cuda, project, wheel_sizes

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "render_worker" / "Dockerfile.gpu").read_text()
ANYWHERE = "https://files.example/packages/ab/"


def lock(*files: tuple[str, int], name: str = "torch") -> dict:
    """Return uv's lock of one package with these wheels."""
    wheels = [{"url": ANYWHERE + file, "size": size} for file, size in files]
    own = {"name": "image", "source": {"virtual": "."}}
    return {"package": [own, {"name": name, "source": {"registry": "https://pypi.org/simple"}, "wheels": wheels}]}


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ([("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", 5), ("torch-2.13.0-py3-none-any.whl", 1)], 5),
        ([("torch-2.13.0-py3-none-any.whl", 1), ("torch-2.13.0-cp311-cp311-win_amd64.whl", 9)], 1),
        ([("torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl", 9), ("torch-2.13.0-py3-none-any.whl", 1)], 1),
        ([("torch-2.13.0-cp39-abi3-manylinux2014_x86_64.whl", 3), ("torch-2.13.0-py3-none-any.whl", 1)], 3),
        ([("torch-2.13.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", 3)], 3),
        ([("torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl", 7)], 7),
    ],
)
def test_of_a_package_s_wheels_that_counts_which_pip_would_install(files, size):
    assert wheel_sizes(lock(*files), (3, 11)) == {"torch": size}


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl", 9)],
        [("torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl", 9)],
        [("torch-2.13.0-cp311-cp311-musllinux_1_2_x86_64.whl", 9)],
    ],
)
def test_a_package_that_would_have_to_be_built_ends_it_by_name(files):
    with pytest.raises(SystemExit, match="torch has no wheel"):
        wheel_sizes(lock(*files), (3, 11))


def test_the_parts_are_the_packages_their_bytecode_and_the_base():
    parts = image_mb({"torch": 500_000_000, "nvidia-cublas": 400_000_000, "flask": 60_000_000, "numpy": 40_000_000})
    assert (parts["torch"], parts["nvidia-cublas"], parts["other packages"]) == (500, 400, 100)
    assert (parts["bytecode"], parts["the base image"]) == (gpu_image_size.BYTECODE_MB, gpu_image_size.BASE_MB)
    assert not is_cuda("torchvision")


def test_it_asks_for_what_the_image_installs():
    packages = installed(DOCKERFILE)
    assert {"torch", "diffusers", "flask", "gunicorn", "obstore", "celery"} <= packages.keys()
    assert all(name == canonicalize_name(name) for name in packages)
    text = project(packages, "3.11")
    assert f'"torch=={packages["torch"]}"' in text
    assert "[tool.uv.sources]" not in text
    assert 'url = "https://wheels.example/cpu"' in project(packages, "3.11", "https://wheels.example/cpu")


def played(monkeypatch, size: int) -> int:
    """Run the command where uv's lock has one wheel of that size."""
    made = lock(("torch-2.13.0-py3-none-any.whl", size))
    monkeypatch.setattr(gpu_image_size, "_locked", lambda text: made)
    monkeypatch.setattr("sys.argv", ["gpu_image_size"])
    return gpu_image_size.main()


def test_an_image_above_the_limit_fails(monkeypatch, capsys):
    assert played(monkeypatch, (LIMIT_MB - 150) * 1_000_000) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"of {LIMIT_MB} at most")
    assert played(monkeypatch, LIMIT_MB * 1_000_000) == 1


def test_a_refusal_of_uv_s_is_shown(monkeypatch):
    refused = subprocess.CompletedProcess([], 2, "", "No solution found")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    monkeypatch.setattr("sys.argv", ["gpu_image_size"])
    with pytest.raises(SystemExit, match="No solution found"):
        gpu_image_size.main()


def test_without_uv_it_says_what_to_install(monkeypatch):
    missing = subprocess.CompletedProcess([], 1, "", "/x/.venv/bin/python: No module named uv\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: missing)
    monkeypatch.setattr("sys.argv", ["gpu_image_size"])
    with pytest.raises(SystemExit, match=r"^uv is not installed: \.venv/bin/pip install uv$"):
        gpu_image_size.main()


def test_the_guide_s_figure_is_below_the_limit():
    (figure,) = re.findall(r"compressed, (\d\.\d+) GB", (ROOT / "docs" / "gpu.md").read_text())
    assert float(figure) * 1000 < LIMIT_MB
