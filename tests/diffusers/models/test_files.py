"""A change of its files does not harm a model in memory, nor does a process that is killed harm the files."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.diffusers import tiny
from tests.diffusers.pictures import picture_of

UNET = "unet/diffusion_pytorch_model.safetensors"
ENCODER = "text_encoder/model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"


def overwrite(path):
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\0" * (path.stat().st_size - 20_000))


def shorten(path):
    os.truncate(path, 1000)


def replace(path):
    shutil.copy(path, path.with_suffix(".new"))
    overwrite(path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("name", [UNET, ENCODER, VAE])
@pytest.mark.parametrize("change", [overwrite, shorten, replace, remove], ids=lambda it: it.__name__)
def test_a_file_that_changes_on_disk_does_not_change_the_model_in_memory(models, make_cache, tmp_path, change, name):
    shutil.copytree(models / "sd1", tmp_path / "models" / "sd1")
    cache = make_cache(model_cache_dir=tmp_path / "models")
    model = cache.load("sd1").result(60)
    before = picture_of(model.pipe)
    change(tmp_path / "models" / "sd1" / name)
    assert picture_of(model.pipe) == before


@pytest.mark.timeout(300)
def test_a_process_that_is_killed_while_it_loads_leaves_nothing_half_loaded(tmp_path):
    folder = tiny.make("sdxl", tmp_path / "models" / "sdxl")
    before = tiny.digest(folder)
    settings = {"MODEL_CACHE_DIR": str(folder.parent), "DEFAULT_MODEL_ID": "sdxl", "TORCH_THREADS": "1"}
    settings |= {"HF_HOME": str(tmp_path / "cache"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tests.diffusers.models.loading_process", "sdxl"]

    def started() -> "subprocess.Popen[str]":
        process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "loading\n"
        return process

    pictures = set()
    for delay in (0.05, None):
        process = started()
        if delay is None:
            pictures.add(process.communicate(timeout=200)[0].strip())
            assert process.returncode == 0
        else:
            time.sleep(delay)  # into the load, most times: it may be killed at any time
            process.kill()
            process.communicate()
        assert tiny.digest(folder) == before
        assert [path.name for path in folder.parent.iterdir()] == ["sdxl"]
        assert not [*(tmp_path / "cache").rglob("*")]
    assert len(pictures) == 1
    assert len(pictures.pop()) == 64, "it is a digest, and no error"
