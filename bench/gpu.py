"""`python -m bench.gpu`: the engine `diffusers` on a CUDA GPU with Stable Diffusion XL of full size and random weights.

Each part prints a line of JSON; one that fails or comes too late does not take the others along. It ends by itself
after 480 seconds (`--seconds`), and downloads nothing. `--tiny` tries the same on a CPU.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import diffusers
import torch

from bench import random_weights
from bench.gpu_models import FIRST, MIB, SECOND, Bench, free, weights
from bench.local_engine import LocalEngine, running
from render_worker.contract import LoadModelRequest, Progress, Recipe
from render_worker.errors import WorkerError
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import ProgressReporter, ignore_progress
from render_worker.imaging.image_input import SourcePicture, to_source_picture

OTHERS_MIB = 600  # beside the weights, in the part that runs out of memory


async def overhead(bench: Bench) -> dict[str, Any]:
    """Make pictures by the bare pipeline and by the engine, in turns; then with previews."""
    bare = bench.bare()
    async with running(bench.folder, FIRST, **bench.settings) as local:
        alone, ours = [], []
        for seed in range(6):
            alone.append((await bare.timed(bench.side, bench.steps, seed)).wall)
            ours.append(await bench.picture(local, seed=seed))
        previews = [await bench.picture(local, seed=seed, previews=True) for seed in range(3)]
    base, engine = statistics.median(alone[1:]), statistics.median(ours[1:])
    return {
        "bare_s": round(base, 3),
        "engine_s": round(engine, 3),
        "percent": round(100 * (engine / base - 1), 2),
        "with_previews_percent": round(100 * (statistics.median(previews[1:]) / base - 1), 2),
        "size": bench.side,
        "steps": bench.steps,
    }


async def seeds(bench: Bench) -> dict[str, Any]:
    """Make the same picture twice, and once more by an engine that is started anew."""
    files = []
    for count in (2, 1):
        async with running(bench.folder, FIRST, **bench.settings) as local:
            files += [(await local.make(FIRST, bench.side, 4, seed=7)).data for _ in range(count)]
    return {"same_twice": files[0] == files[1], "same_in_another": files[0] == files[2]}


async def cancelling(bench: Bench) -> dict[str, Any]:
    """Cancel pictures at several shares of their time, and see when the next one begins."""
    async with running(bench.folder, FIRST, **bench.settings) as local:
        await bench.picture(local, seed=0)
        whole = await bench.picture(local, seed=0)
        short = min([(await local.timed(FIRST, bench.side, 1, seed=0)).wall for _ in range(3)])
        before = (await local.make(FIRST, bench.side, 4, seed=7)).data
        found = {
            f"at_{share}_ms": round(1000 * (await _cancelled(bench, local, whole * share) - short))
            for share in (0.2, 0.5, 0.95)
        }
        after = (await local.make(FIRST, bench.side, 4, seed=7)).data
    return {**found, "next_is_right": before == after}


async def _cancelled(bench: Bench, local: LocalEngine, seconds: float) -> float:
    """Cancel a picture after some seconds, and return those until a short one is done."""
    task = asyncio.create_task(local.make(FIRST, bench.side, bench.steps, seed=0))
    await asyncio.sleep(seconds)
    begun = time.perf_counter()
    task.cancel()
    await local.make(FIRST, bench.side, 1, seed=0)
    took = time.perf_counter() - begun
    with suppress(asyncio.CancelledError):
        await task
    return took


async def loras(bench: Bench) -> dict[str, Any]:
    """Make pictures with a LoRA of rank 16, and without it before and after."""
    (bench.folder / "loras").mkdir(exist_ok=True)
    unet = diffusers.UNet2DConditionModel.from_pretrained(bench.folder / FIRST, subfolder="unet")
    path = random_weights.write_lora(unet, bench.folder / "loras" / "style.safetensors", rank=16)
    del unet
    async with running(bench.folder, FIRST, **bench.settings) as local:
        before = (await local.make(FIRST, bench.side, 4, seed=7)).data
        plain = min([await bench.picture(local, seed=0) for _ in range(2)])
        first = await bench.picture(local, seed=0, lora_path=path.name)
        kept = min([await bench.picture(local, seed=0, lora_path=path.name) for _ in range(2)])
        after = (await local.make(FIRST, bench.side, 4, seed=7)).data
    return {
        "file_mb": round(path.stat().st_size / 1e6),
        "plain_s": round(plain, 3),
        "with_lora_s": round(kept, 3),
        "percent": round(100 * (kept / plain - 1), 1),
        "load_s": round(first - kept, 3),
        "same_after": before == after,
    }


async def image_to_image(bench: Bench) -> dict[str, Any]:
    """Begin with a picture."""
    async with running(bench.folder, FIRST, **bench.settings) as local:
        source: SourcePicture = to_source_picture((await local.make(FIRST, bench.side, 4, seed=7)).data)
        held, begun = bench.memory_mib(), time.perf_counter()
        size: dict[str, Any] = {"width": bench.side, "height": bench.side, "steps": bench.steps}
        recipe = Recipe(prompt="a fox", model=FIRST, seed=0, strength=0.5, **size)
        report = ProgressReporter("-", "diffusers", Latencies(), ignore_progress)
        await local.engine.edit(recipe, source, report)
        return {"seconds": round(time.perf_counter() - begun, 3), "more_mib": round(bench.memory_mib() - held)}


async def out_of_memory(bench: Bench) -> dict[str, Any]:
    """Ask for a picture for which there is no memory, and for one as before."""
    if bench.is_tiny:
        return {"skipped": "the CPU has no limit; tests/diffusers/ sets one"}
    async with running(bench.folder, FIRST, **bench.settings) as local:
        before = (await local.make(FIRST, bench.side, 4, seed=7)).data
        free()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + OTHERS_MIB * MIB) / total)
        try:
            made = await local.make(FIRST, bench.side, 4, seed=7)
            said = made.note or "it had room"
        except WorkerError as error:
            said = f"{error.status} {error}"
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        after = (await local.make(FIRST, bench.side, 4, seed=7)).data
    return {"said": said, "same_after": before == after}


async def swap(bench: Bench) -> dict[str, Any]:
    """Load a model beside one that makes pictures."""
    async with running(bench.folder, FIRST, **bench.settings) as local:
        await local.make(FIRST, bench.side, 4, seed=0)
        alone = [(await local.timed(FIRST, bench.side, 4, seed=0)).wall for _ in range(4)]
        held, failed, meanwhile = bench.memory_mib(), 0, []
        loading = asyncio.create_task(local.engine.load_model(LoadModelRequest(model=SECOND)))
        while not loading.done():
            try:
                meanwhile.append((await local.timed(FIRST, bench.side, 4, seed=0)).wall)
            except WorkerError:
                failed += 1
        return {
            "load_s": (await loading).seconds,
            "four_steps_alone_s": round(statistics.median(alone), 3),
            "longest_meanwhile_s": round(max(meanwhile, default=0), 3),
            "failed": failed,
            "one_mib": round(held),
            "both_mib": round(bench.memory_mib()),
        }


async def memory(bench: Bench) -> dict[str, Any]:
    """Swap two models, of which one has room, and then stop the engine."""
    size = sum(it.stat().st_size for it in (bench.folder / FIRST).rglob("*.safetensors"))
    room = {"diffusers_memory_mb": int(size * 1.3 / MIB) + 1}
    async with running(bench.folder, FIRST, **bench.settings, **room) as local:
        await local.make(FIRST, bench.side, 2, seed=0)
        found = [bench.memory_mib()]
        for model in (SECOND, FIRST, SECOND, FIRST):
            await local.make(model, bench.side, 2, seed=0)
            found.append(bench.memory_mib())
    free()
    percent = 100 * (found[-1] / found[0] - 1) if found[0] else 0
    return {"mib": [round(it) for it in found], "percent": round(percent, 2), "stopped_mib": round(bench.memory_mib())}


async def batches(bench: Bench) -> dict[str, Any]:
    """Ask for pictures of several sizes, alone and four at a time."""
    found: dict[str, Any] = {}
    async with running(bench.folder, FIRST, **bench.settings, diffusers_batch_pixels=1024**2) as local:
        for side in (64, 128) if bench.is_tiny else (512, 768, 1024):
            await _together(local, side, 4)
            alone, four = await _together(local, side, 1), await _together(local, side, 4)
            found[str(side)] = {
                "alone_s": round(alone, 3),
                "four_s": round(four, 3),
                "gain": round(4 * alone / four, 2),
            }
    return found


async def _together(local: LocalEngine, side: int, count: int) -> float:
    """Return the seconds of so many pictures that are asked for at a time."""
    begun = time.perf_counter()
    await asyncio.gather(*(local.make(FIRST, side, 8) for _ in range(count)))
    return time.perf_counter() - begun


async def steps(bench: Bench) -> dict[str, Any]:
    """Count the steps and previews that a client is told of."""
    told: list[Progress] = []
    async with running(bench.folder, FIRST, **bench.settings) as local:
        await local.make(FIRST, bench.side, bench.steps, told.append, seed=0, previews=True)
    numbers = [it.step for it in told if it.step]
    return {"steps": len(set(numbers)), "last": numbers[-1:], "previews": sum(bool(it.preview) for it in told)}


PARTS: tuple[Callable[[Bench], Coroutine[Any, Any, dict[str, Any]]], ...] = (
    weights,
    overhead,
    seeds,
    cancelling,
    batches,
    loras,
    swap,
    memory,
    out_of_memory,
    image_to_image,
    steps,
)


def main() -> int:
    """Run every part for which there is time; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a small model on the CPU, to try the script")
    parser.add_argument("--seconds", type=float, default=480, help="no part begins after that many (480)")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        parser.error("PyTorch finds no GPU here; --tiny tries the script on the CPU")
    begun, failed = time.monotonic(), False
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), is_tiny=options.tiny)
        for part in PARTS:
            at = time.monotonic() - begun
            line: dict[str, Any] = {"part": part.__name__, "at_s": round(at, 1)}
            if at > options.seconds:
                line["skipped"] = "no time left"
            else:
                try:
                    line |= asyncio.run(part(bench))
                except Exception as error:  # noqa: BLE001 - the other parts are worth having
                    failed = True
                    traceback.print_exc(limit=4)
                    line["error"] = f"{type(error).__name__}: {error}"[:300]
                free()
            print(json.dumps({**line, "took_s": round(time.monotonic() - begun - at, 1)}), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
