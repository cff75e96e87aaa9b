"""`python -m bench.diffusers`: the engine `diffusers` beside the bare pipeline, with tiny models on one CPU thread.

It prints ratios with their limits, and fails if one is exceeded. Where it can, it counts the processor's time, which
other programs on the machine do not make longer. A GPU is measured by `python -m bench.gpu`.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.local_engine import BarePipeline, LocalEngine, Stopwatch, Time, running
from bench.table import print_table
from render_worker.contract import LoadModelRequest, LoraRequest, Progress
from render_worker.errors import WorkerError

CLIENTS = 8
ROUNDS = 30
MIB = 1024**2
LAYOUTS = ("sd1", "sdxl")
COLUMNS = ("tiny models, one thread", "measured", "limit")


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    name: str
    value: float
    limit: float
    form: str
    """How both are shown, as in `{:.1f} %`."""
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Return whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> list[str]:
        """Return its cells."""
        bound = "at least" if self.at_least else "at most"
        missed = "" if self.is_met else " **missed**"
        return [self.name, self.form.format(self.value) + missed, f"{bound} {self.form.format(self.limit)}"]


async def memory(models: Path) -> list[Result]:
    """Swap two models, of which one has room, there and back eleven times."""
    process, after = psutil.Process(), []
    async with running(models, "sd1", torch_threads=1, diffusers_memory_mb=7) as local:
        for _ in range(11):
            for model in ("sdxl", "sd1"):
                await local.make(model, 64, 2, seed=1)
            after.append(process.memory_info().rss / MIB)
    return [Result("resident memory after 10 more swaps, there and back", after[-1] - after[0], 5, "{:+.1f} MiB")]


async def overhead(models: Path) -> list[Result]:
    """Make the same pictures by the engine and by the bare pipeline, in turns."""
    from diffusers import DiffusionPipeline

    found = []
    async with running(models, "sd1", torch_threads=1) as local:
        for layout in LAYOUTS:
            bare = BarePipeline(DiffusionPipeline.from_pretrained(models / layout, safety_checker=None))
            pairs = [await _pair(bare, local, layout, seed) for seed in range(ROUNDS + 1)][1:]
            alone = statistics.median(bare_time.processor for bare_time, _ in pairs)
            ratio = statistics.median(ours.processor / bare_time.processor for bare_time, ours in pairs)
            name = f"{layout}, 128×128, 20 steps: beyond the bare pipeline's {alone * 1000:.0f} ms"
            found.append(Result(name, 100 * (ratio - 1), 5, "{:.1f} %"))
    return found


async def _pair(bare: BarePipeline, local: LocalEngine, layout: str, seed: int) -> tuple[Time, Time]:
    """Return what a picture takes by each; every second pair begins with the engine."""
    if seed % 2:
        ours = await local.timed(layout, 128, 20, seed=seed)
        return await bare.timed(128, 20, seed), ours
    return await bare.timed(128, 20, seed), await local.timed(layout, 128, 20, seed=seed)


async def batching(models: Path) -> list[Result]:
    """Have eight clients ask for pictures that may be made together, and for such that may not."""
    rates: dict[int, list[float]] = {1: [], 4: []}
    for _ in range(3):
        for size, found in rates.items():
            async with running(models, "sd1", torch_threads=1, diffusers_batch=size) as local:
                await local.make("sd1", 64, 2)
                found.append(await _pictures_a_second(local))
    alone, together = (statistics.median(found) for found in rates.values())
    name = f"sd1, 64×64, 20 steps, {CLIENTS} clients: pictures of {alone:.1f} a second one by one"
    return [Result(name, together / alone, 2.5, "{:.2f} times", at_least=True)]


async def _pictures_a_second(local: LocalEngine, each: int = 5) -> float:
    """Return how many pictures come in a second of the processor's time."""

    async def client() -> None:
        for _ in range(each):
            await local.make("sd1", 64, 20)

    watch = Stopwatch()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return CLIENTS * each / watch.time.processor


async def swap(models: Path) -> list[Result]:
    """Load a model beside one that makes pictures all the time."""
    async with running(models, "sd1", torch_threads=1) as local:
        await local.make("sd1", 64, 20)
        alone = [(await local.timed("sd1", 64, 20)).wall for _ in range(10)]
        failed, meanwhile = 0, []
        loading = asyncio.create_task(local.engine.load_model(LoadModelRequest(model="sdxl")))
        while not loading.done():
            try:
                meanwhile.append((await local.timed("sd1", 64, 20)).wall)
            except WorkerError:
                failed += 1
        seconds = (await loading).seconds
    longest = max(meanwhile) - statistics.median(alone)
    return [
        Result("a model is loaded beside a running one", seconds, 5, "{:.2f} s"),
        Result("the longest that a picture waits for that", longest, 1, "{:.2f} s"),
        Result("pictures that it fails", failed, 0, "{:.0f}"),
    ]


async def lora_check(models: Path) -> list[Result]:
    """Refuse LoRAs that do not fit, each a file of its own."""
    from diffusers import DiffusionPipeline

    from bench.random_weights import write_lora

    folder = models / "loras"
    folder.mkdir(exist_ok=True)
    unet = DiffusionPipeline.from_pretrained(models / "sdxl").unet
    for number in range(10):
        write_lora(unet, folder / f"wrong-{number}.safetensors", rank=4)
    took = []
    async with running(models, "sd1", torch_threads=1, lora_dir=folder) as local:
        await local.make("sd1", 64, 2)
        for number in range(10):
            begun = time.perf_counter()
            with suppress(WorkerError):
                await local.engine.load_lora(LoraRequest(lora_path=f"wrong-{number}.safetensors", model="sd1"))
                raise AssertionError("a LoRA of another model was loaded")
            took.append(time.perf_counter() - begun)
    return [Result("a LoRA that does not fit is refused", 1000 * statistics.median(took), 50, "{:.1f} ms")]


async def cancelling(models: Path) -> list[Result]:
    """Cancel a picture in a step and in the VAE, and see when the next one begins."""
    async with running(models, "sdxl", torch_threads=1) as local:
        await local.make("sdxl", 64, 1, seed=1)
        short = statistics.median([(await local.timed("sdxl", 64, 1, seed=1)).wall for _ in range(5)])
        in_step = [await _cancelled(local, at_step=3) - short for _ in range(5)]
        in_vae = [await _cancelled(local, at_step=8) - short for _ in range(5)]
    return [
        Result("512×512, cancelled in a step: the next picture begins after", max(in_step), 0.5, "{:.2f} s"),
        Result("512×512, cancelled in the VAE: the next picture begins after", max(in_vae), 0.5, "{:.2f} s"),
    ]


async def _cancelled(local: LocalEngine, at_step: int, steps: int = 8) -> float:
    """Cancel a picture after a step, and return the seconds until a short one is done."""
    reached = asyncio.Event()

    def look(progress: Progress) -> None:
        if progress.step == at_step:
            reached.set()

    task = asyncio.create_task(local.make("sdxl", 512, steps, look, seed=1))
    await reached.wait()
    await asyncio.sleep(0.03)  # into what comes after the step
    begun = time.perf_counter()
    task.cancel()
    await local.make("sdxl", 64, 1, seed=1)
    took = time.perf_counter() - begun
    with suppress(asyncio.CancelledError):
        await task
        raise AssertionError("the picture was made before it was cancelled")
    return took


PARTS: dict[str, Callable[[Path], Coroutine[Any, Any, list[Result]]]] = {
    "memory": memory,
    "overhead": overhead,
    "batching": batching,
    "swap": swap,
    "lora_check": lora_check,
    "cancelling": cancelling,
}


def main() -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m bench.diffusers", description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    only = parser.parse_args().only
    os.environ["HF_HUB_OFFLINE"] = "1"  # noqa: TID251 - of the libraries, which read it when they are imported
    from tests.diffusers import tiny

    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            tiny.make(layout, Path(folder, layout))
        for name in only:
            print(f"{name} ...", file=sys.stderr, flush=True)
            results += asyncio.run(PARTS[name](Path(folder)))
    print_table(COLUMNS, [result.row() for result in results])
    return not all(result.is_met for result in results)


if __name__ == "__main__":
    sys.exit(main())
