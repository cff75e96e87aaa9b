"""Which device and numbers are taken, what a picture is thought to need, and that models give their memory back."""

import gc
import resource
from pathlib import Path

import pytest
import torch

from render_worker.engines.diffusers.errors import OutOfMemory
from render_worker.engines.diffusers.models.allocation_failures import is_out_of_memory
from render_worker.engines.diffusers.models.device import Device, choose_device
from render_worker.engines.diffusers.models.loader import free_memory, needed_bytes
from render_worker.engines.diffusers.models.memory import (
    PicturePlan,
    free_memory_of,
    plan_for,
    what_would_fit,
    working_bytes,
)
from render_worker.engines.diffusers.models.model_files import Vae, model_files
from render_worker.sizes import SizeRange
from tests.diffusers import tiny

MIB = 2**20
GIB = 2**30
REAL = Vae((128, 256, 512, 512), 1024)
REAL_SD1 = Vae((128, 256, 512, 512), 512)
USUAL = SizeRange(512, 1024, 8)


@pytest.mark.parametrize(
    ("precision", "has_gpu", "knows_bf16", "chosen"),
    [
        ("auto", False, False, ("cpu", torch.float32)),
        ("fp32", False, False, ("cpu", torch.float32)),
        ("bf16", False, False, ("cpu", torch.bfloat16)),
        ("fp16", False, False, ("cpu", torch.float32)),
        ("auto", True, True, ("cuda", torch.bfloat16)),
        ("auto", True, False, ("cuda", torch.float16)),
        ("fp16", True, True, ("cuda", torch.float16)),
        ("fp32", True, True, ("cuda", torch.float32)),
    ],
)
def test_the_device_and_its_numbers(make_settings, monkeypatch, precision, has_gpu, knows_bf16, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: knows_bf16)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (10 * GIB, 20 * GIB))
    device = choose_device(make_settings(diffusers_precision=precision))
    assert (device.name, device.dtype) == chosen
    if has_gpu:
        assert device.budget_bytes == 18 * GIB
    assert choose_device(make_settings(diffusers_memory_mb=7)).budget_bytes == 7 * MIB


@pytest.mark.parametrize(
    ("vae", "size", "batch", "free", "plan"),
    [
        (REAL, (1024, 1024), 1, 24 * GIB, PicturePlan(sliced=False, tiled=False)),
        (REAL, (1024, 1024), 4, 24 * GIB, PicturePlan(sliced=False, tiled=False)),
        (REAL, (1024, 1024), 4, 6 * GIB, PicturePlan(sliced=True, tiled=False)),
        (REAL_SD1, (1024, 1024), 1, 1 * GIB, PicturePlan(sliced=False, tiled=True)),
        (REAL_SD1, (1024, 1024), 4, 1 * GIB, PicturePlan(sliced=True, tiled=True)),
        (REAL_SD1, (512, 512), 1, 100 * MIB, PicturePlan(sliced=False, tiled=False)),  # one tile has no smaller ones
    ],
)
def test_a_plan_changes_no_more_than_it_must(vae, size, batch, free, plan):
    assert plan_for(vae, size, batch, free, number_bytes=2) == plan


@pytest.mark.parametrize(
    ("vae", "asked", "free", "fits"),
    [
        (REAL, (1024, 1024), 3 * GIB, (976, 976)),
        (REAL, (1024, 1024), 1 * GIB, (664, 664)),
        (REAL, (1024, 768), 1 * GIB, (768, 576)),
        (REAL, (1024, 512), 1 * GIB, None),  # a shorter side would be below the least
        (REAL, (1024, 1024), 100 * MIB, None),
        (REAL, (512, 512), 2 * GIB, None),  # the model makes no smaller ones
        (REAL_SD1, (1024, 1024), 1 * GIB, (976, 976)),  # in tiles
    ],
)
def test_what_would_fit_is_smaller_and_of_about_that_proportion(vae, asked, free, fits):
    found = what_would_fit(vae, USUAL, asked, free, number_bytes=2)
    if fits is None or found is None:
        assert found == fits
        return
    assert found[0] < asked[0]
    assert found[0] / found[1] == pytest.approx(asked[0] / asked[1], rel=0.05)
    assert found[0] >= fits[0] * 0.8


def test_a_larger_picture_needs_more():
    sizes = [(512, 512), (768, 512), (768, 768), (1024, 1024)]
    needs = [working_bytes(REAL, size, 1, 2) for size in sizes]
    assert needs == sorted(needs)
    assert working_bytes(REAL, (512, 512), 4, 2) > 3 * working_bytes(REAL, (512, 512), 1, 2)
    assert 1 * GIB < working_bytes(REAL, (1024, 1024), 1, 2) < 4 * GIB, (
        "SDXL in bf16 takes 2 to 3 GiB beside its weights"
    )


@pytest.mark.parametrize(
    ("is_gpu", "budget", "needs"),
    [(False, 13, "whole"), (False, 4, None), (True, 13, "whole"), (True, 5.8, "offloaded"), (True, 1, None)],
)
def test_a_model_that_is_too_large_for_a_gpu_is_there_in_parts(models, is_gpu, budget, needs):
    files = model_files(models / "sdxl")
    device = Device("cuda" if is_gpu else "cpu", torch.float32, int(budget * MIB))
    if needs is None:
        with pytest.raises(OutOfMemory, match=r"The model sdxl needs \d MiB of memory, and \d MiB are for models\."):
            needed_bytes(files, device, device.budget_bytes)
        return
    whole = 4 * sum(files.parameters.values())
    needed = needed_bytes(files, device, device.budget_bytes)
    assert needed == whole if needs == "whole" else max(files.parameters.values()) * 4 < needed < whole


def test_the_memory_of_the_cpu_is_what_is_left_of_every_limit():
    read = free_memory_of("cpu")
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert 0 < read() <= int(meminfo["MemTotal"].split()[0]) * 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + 64 * MIB, hard))
    try:
        assert read() <= 64 * MIB
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
            True,
        ),
        (RuntimeError("The size of tensor a (3) must match"), False),
        (ValueError("DefaultCPUAllocator: can't allocate memory"), False),
    ],
)
def test_which_errors_mean_that_the_memory_is_full(error, is_one):
    assert is_out_of_memory(error) is is_one


def test_a_real_allocation_that_fails_is_known():
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + 64 * MIB, hard))
    try:
        with pytest.raises(RuntimeError) as raised:
            torch.zeros(256 * MIB)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    assert is_out_of_memory(raised.value)


def anonymous_mib() -> float:
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024


@pytest.mark.timeout(300)
def test_swaps_give_the_memory_back(make_cache, tmp_path):
    for seed, name in enumerate(("sd1", "other")):
        tiny.make("sd1", tmp_path / "models" / name, seed=seed, base=128)
    cache = make_cache(model_cache_dir=tmp_path / "models", diffusers_memory_mb=90)
    size = cache.load("sd1").result(60).memory_bytes / MIB
    assert 50 < size < 90
    used = []
    for _ in range(3):
        for name in ("other", "sd1"):
            assert cache.load(name).result(60).displaced
        gc.collect()
        free_memory()
        used.append(anonymous_mib())
    assert max(used) - used[0] < size / 4, used
    cache.unload("sd1")
    cache.close()
    gc.collect()
    free_memory()
    assert anonymous_mib() < used[-1] - size * 0.8
